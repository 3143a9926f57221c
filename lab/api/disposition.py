"""The Content-Disposition header of a form's part, read without tidying up (RFC 7578, RFC 5987, RFC 2231).

A library's parser drops a Windows folder from a file name and ignores `filename*`: then a hostile name looks good.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

_PARAMETER = re.compile(r';\s*([^\s=;]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))', re.DOTALL)


@dataclass(frozen=True)
class Disposition:
    """What a part is called.

    Attributes:
        field: the form's field; empty when the header does not say.
        file_names: every file name that some reader could take from the header, best first; none for a plain field.
        plain: those of them that every reader takes.
    """

    field: str
    file_names: tuple[str, ...]
    plain: tuple[str, ...] = ()


def parse(header: bytes) -> Disposition:
    """Read a header's value; bytes that are not UTF-8 become lone surrogates, which no name may hold."""
    text = header.decode("utf-8", "surrogateescape")
    fields, plain, extended, pieces = [], [], [], []
    for key, quoted, bare in _PARAMETER.findall(text):
        key, value = key.lower(), (quoted.replace('\\"', '"') if quoted else bare.strip())
        if key == "name":
            fields.append(value)
        elif key == "filename":
            plain.append(value)
        elif key == "filename*":
            extended.append(_extended(value))
        elif key.startswith("filename*"):  # RFC 2231 pieces, `filename*0="a"; filename*1="b"`
            pieces.append(_extended(value) if key.endswith("*") else value)
    joined = ["".join(pieces)] if pieces else []
    return Disposition(fields[0] if len(fields) == 1 else "", (*extended, *joined, *plain), tuple(plain))


def _extended(value: str) -> str:
    """Decode `UTF-8''a%20b`; without the two quotes, the whole is taken as the name."""
    charset, found, rest = value.partition("'")
    encoded = rest.partition("'")[2] if found else charset
    raw = unquote_to_bytes(encoded.encode("utf-8", "surrogateescape"))
    if charset.lower() in ("iso-8859-1", "latin-1", "windows-1252"):
        return raw.decode("latin-1")
    return raw.decode("utf-8", "surrogateescape")
