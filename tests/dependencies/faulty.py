"""Servers that misbehave as real ones do, each on a free port of its own."""

import json
import ssl
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def server(answer, context=None):
    """Serve ``answer(path) -> (status, content type, body)``; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, kind, body = answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.do_GET()

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context:
        http.socket = context.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{http.server_port}"
    finally:
        http.shutdown()
        http.server_close()


def expired_tls(folder):
    """A context with a certificate of our own that ended years ago."""
    key, request, certificate = folder / "key.pem", folder / "request.pem", folder / "certificate.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        ["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, *subject],
        check=True,
        capture_output=True,
    )
    (folder / "extensions").write_text("subjectAltName=IP:127.0.0.1\n")
    extensions = ["-extfile", folder / "extensions"]
    subprocess.run(
        ["openssl", "x509", "-req", "-in", request, "-signkey", key, "-out", certificate, "-days", "-1", *extensions],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return certificate, context


def vector(*rows):
    """An answer of Prometheus: an instant vector of (labels, value)."""
    result = [{"metric": labels, "value": [0, str(value)]} for labels, value in rows]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()
