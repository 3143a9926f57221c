"""Make the certificate of a lab's Prometheus: of a CA that nobody else trusts, as in many a company."""

import ssl
import subprocess
from pathlib import Path


def make(folder: Path) -> None:
    """Write `ca.pem`, a certificate of 127.0.0.1 that is its own CA, and `key.pem`."""
    subject = ("-subj", "/CN=lab", "-addext", "subjectAltName=IP:127.0.0.1")
    files = ("-keyout", str(folder / "key.pem"), "-out", str(folder / "ca.pem"))
    command = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", *files, *subject)
    subprocess.run(command, check=True, capture_output=True)


def trusting(folder: Path) -> ssl.SSLContext:
    """Give what trusts that certificate, and nothing where there is none: then nobody is asked by TLS.

    The usual ones are not read: that takes a quarter of a second of a core, each time.
    """
    context, own = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), folder / "ca.pem"
    if own.exists():
        context.load_verify_locations(own)
    return context
