"""What zipfile raises for a member that cannot be unpacked."""

import lzma
import zipfile
import zlib

_ZSTD = getattr(zipfile, "zstd", None)  # from Python 3.14 on
BAD_DATA = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, *([_ZSTD.ZstdError] if _ZSTD else ()))
