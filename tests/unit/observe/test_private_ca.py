"""A certificate of a private CA is trusted by two variables of the environment, and by nothing less."""

import json
import socket
import ssl
import subprocess
from threading import Event, Thread

import pytest
from dependencies.faulty import server
from small_target import small_target

from acceptance.observe.health import health_fault
from acceptance.observe.prometheus import Prometheus
from acceptance.probes.archives.archives import good, of_exact_size
from acceptance.probes.http import client
from acceptance.probes.storage.uploads import Upload, Uploader
from acceptance.verdict import Inconclusive

NOW = json.dumps({"status": "success", "data": {"resultType": "scalar", "result": [1.0, "1700000000.5"]}}).encode()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of 127.0.0.1 that is its own CA, with its key in one file."""
    folder = tmp_path_factory.mktemp("ca")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["-keyout", folder / "key.pem", "-out", folder / "ca.pem"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *made, *subject], check=True, capture_output=True
    )
    return folder / "ca.pem", folder / "key.pem"


@pytest.fixture(params=[True, False], ids=["trusted", "not trusted"])
def trusted(request, certificate, monkeypatch):
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        if request.param:
            monkeypatch.setenv(name, str(certificate[0]))
        else:
            monkeypatch.delenv(name, raising=False)
    client._tls.cache_clear()
    yield request.param
    client._tls.cache_clear()


@pytest.mark.parametrize("trusted", [True], indirect=True)
def test_an_answer_before_the_end_of_an_upload_is_taken_over_tls_too(certificate, trusted):
    """Of a proxy that knows by the length, and reads no further; its session tickets are no answer."""
    context, answered = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), Event()
    context.load_cert_chain(*certificate)

    def refuse():
        with context.wrap_socket(listening.accept()[0], server_side=True) as sock:
            sock.recv(1)
            sock.sendall(b"HTTP/1.1 413 X\r\nContent-Length: 2\r\n\r\nno")
            answered.wait(20)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        Thread(target=refuse, daemon=True).start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        answer = Uploader(url, 5).send(Upload("s", "a", of_exact_size(30 << 20)))
        answered.set()
    assert (answer.status, answer.body, answer.sent_bytes < 20 << 20) == (413, "no", True), answer.explain()


def test_every_client_trusts_a_private_ca_by_the_environment_alone(tmp_path, certificate, trusted):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with server(lambda _: (200, "application/json", NOW), context) as url:
        target = small_target(tmp_path, API_URL=url, PROMETHEUS_URL=f"{url}/a/prefix")
        assert (health_fault(target.services["api"], 5) == "") is trusted
        assert (client.Caller(url, 5).get("/health").exchange.status == 200) is trusted
        assert (Uploader(url, 5).send(Upload("s", "a", good())).status == 200) is trusted
        if trusted:
            assert Prometheus.of(target).clock() == 1700000000.5
        else:
            with pytest.raises(Inconclusive, match=r"certificate.*REQUESTS_CA_BUNDLE"):
                Prometheus.of(target).clock()
