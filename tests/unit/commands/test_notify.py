"""Sending, against a real SMTP server and a real HTTP server, also broken ones."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager, nullcontext
from email.message import EmailMessage
from pathlib import Path

import pytest
import record_samples as samples
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from served import answering

from acceptance.commands.notify import ATTEMPTS, channels, send_mail, send_post
from acceptance.record.publish import publish
from acceptance.verdict import Inconclusive

NOTIFY = Path(__file__).parents[3] / "scripts" / "ops" / "record.py"


@contextmanager
def webhook(*statuses):
    """An HTTP server that answers with these statuses in turn, the last one for ever; gives url and bodies."""
    bodies, left = [], list(statuses)

    def answer(asked):
        bodies.append(json.loads(asked.body))
        return left.pop(0) if len(left) > 1 else left[0], "", {}

    with answering(answer) as url:
        yield f"{url}/services/T0/SECRET", bodies


@contextmanager
def silent():
    """A server that takes connections and never says a word; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


class Mailbox:
    """Keeps what it is given; refuses recipients and answers as it was told to."""

    def __init__(self, *answers, unknown=()):
        self.answers, self.unknown, self.messages, self.tries = list(answers), unknown, [], 0

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if address in self.unknown:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.tries += 1
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            self.messages.append(envelope)
        return answer


class AnyPort(Controller):
    """aiosmtpd's own, on a port that the kernel chooses."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def smtp(box, **options):
    """A real SMTP server; gives its address as host:port."""
    controller = AnyPort(box, hostname="127.0.0.1", port=0, **options)
    controller.start()
    try:
        yield f"127.0.0.1:{controller.port}"
    finally:
        controller.stop()


def message(to="lead@example.com"):
    made = EmailMessage()
    made["Subject"], made["From"], made["To"] = "Epic 21", "ops@example.com", to
    made.set_content("Stakeholders,\n.\nThanks, Ærø\n")
    return made


def test_a_post_arrives_as_slack_reads_it():
    with webhook(200) as (url, bodies):
        assert send_post(url, "GO <!channel> & more") == "posted to the webhook at 127.0.0.1"
    assert bodies == [{"text": "GO &lt;!channel&gt; &amp; more"}]


def test_a_server_that_is_busy_once_gets_it_the_second_time():
    with webhook(503, 200) as (url, bodies):
        send_post(url, "GO", pause_s=0)
    assert len(bodies) == 2


@pytest.mark.parametrize(("status", "tries"), [(503, ATTEMPTS), (500, 1), (403, 1), (302, 1)])
def test_a_refusal_is_told_without_the_secret(status, tries):
    with webhook(status) as (url, bodies), pytest.raises(Inconclusive, match=f"127.0.0.1: .*{status}") as told:
        send_post(url, "GO", pause_s=0)
    assert (len(bodies), "SECRET" in str(told.value)) == (tries, False)


def test_a_server_that_hangs_is_left_and_not_asked_twice():
    begun = time.monotonic()
    with silent() as port, pytest.raises(Inconclusive, match="may have arrived"):
        send_post(f"http://127.0.0.1:{port}/", "GO", timeout_s=0.3)
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize("url", ["https://hooks.example.com/s3cret\x7f", "https://a..b/s3cret", "https://xn--a/s3cret"])
def test_an_address_that_cannot_be_called_is_told_without_the_secret(url):
    with pytest.raises(Inconclusive, match=r"webhook at .* correct its variable") as told:
        send_post(url, "x")
    assert "s3cret" not in str(told.value)


def test_nobody_there_is_tried_again_and_told():
    with silent() as port:
        pass
    with pytest.raises(Inconclusive, match=f"not delivered in {ATTEMPTS} attempts, last: no connection"):
        send_post(f"http://127.0.0.1:{port}/", "GO", pause_s=0)


def test_a_mail_arrives_whole():
    box = Mailbox()
    with smtp(box) as host:
        assert send_mail(f"smtp://{host}", message()) == f"mailed to lead@example.com through {host}"
    [envelope] = box.messages
    assert envelope.rcpt_tos == ["lead@example.com"]
    assert b"\r\n..\r\n" not in envelope.content
    assert b"Date: " in envelope.content


def test_a_mail_refused_for_now_is_tried_again_one_refused_for_good_is_not():
    busy, never = Mailbox("451 later", "250 OK"), Mailbox(*["554 spam"] * 3)
    with smtp(busy) as host:
        send_mail(f"smtp://{host}", message(), pause_s=0)
    with smtp(never) as host, pytest.raises(Inconclusive, match="refused for good: 554 spam"):
        send_mail(f"smtp://{host}", message(), pause_s=0)
    assert (busy.tries, never.tries) == (2, 1)


def test_a_recipient_that_was_refused_is_named():
    with smtp(Mailbox(unknown=["b@example.com"])) as host, pytest.raises(Inconclusive, match=r"not to b@.* \(550 no"):
        send_mail(f"smtp://{host}", message("a@example.com, b@example.com"))


@pytest.mark.parametrize("able", [True, False])
def test_an_address_of_other_letters_is_mailed_to_where_the_server_takes_it(able):
    refused = pytest.raises(Inconclusive, match=r"no SMTPUTF8.*; not delivered")
    with smtp(box := Mailbox(), enable_SMTPUTF8=able) as host, nullcontext() if able else refused:
        send_mail(f"smtp://{host}", message("\u043b\u0438\u0434@example.com"))
    assert len(box.messages) == able


def test_a_mail_server_that_hangs_is_left():
    begun = time.monotonic()
    with silent() as port, pytest.raises(Inconclusive, match=f"not delivered in {ATTEMPTS} attempts"):
        send_mail(f"smtp://127.0.0.1:{port}", message(), timeout_s=0.2, pause_s=0)
    assert time.monotonic() - begun < 3


def test_a_connection_that_breaks_at_the_end_of_a_mail_is_not_tried_again():
    box = Mailbox()

    async def drop(server, session, envelope):
        box.tries += 1
        server.transport.abort()
        return "250 OK"

    box.handle_DATA = drop
    with smtp(box) as host, pytest.raises(Inconclusive, match="may have arrived"):
        send_mail(f"smtp://{host}", message(), pause_s=0)
    assert box.tries == 1


def test_a_password_does_not_go_without_tls():
    asked = []

    def authenticate(*args):
        asked.append(args)
        return AuthResult(success=True)

    options = {"authenticator": authenticate, "auth_require_tls": False}
    with smtp(Mailbox(), **options) as host, pytest.raises(Inconclusive, match="offers no TLS") as told:
        send_mail(f"smtp://ops:hunter2@{host}", message())
    assert (asked, "hunter2" in str(told.value)) == ([], False)


@pytest.fixture
def tls(tmp_path):
    """A context for 127.0.0.1, and the certificate that vouches for it."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, *subject]
    subprocess.run(argv, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


def test_with_tls_the_password_goes_and_the_mail_arrives(tls, monkeypatch):
    context, certificate = tls
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    box, seen = Mailbox(), []

    def authenticate(server, session, envelope, mechanism, data):
        seen.append((data.login, data.password))
        return AuthResult(success=True)

    with smtp(box, tls_context=context, authenticator=authenticate, auth_required=True) as host:
        send_mail(f"smtp://ops:hunt%40er2@{host}", message())
    assert (seen, len(box.messages)) == ([(b"ops", b"hunt@er2")], 1)


def test_a_certificate_that_nobody_vouches_for_gets_no_mail(tls):
    box = Mailbox()
    with smtp(box, tls_context=tls[0]) as host, pytest.raises(Inconclusive, match="certificate verify failed"):
        send_mail(f"smtp://ops:hunter2@{host}", message(), pause_s=0)
    assert box.messages == []


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"OPS_WEBHOOK_URL": "hooks.example.com/SECRET"}, "OPS_WEBHOOK_URL: expected https"),
        ({"SMTP_URL": "mail.example.com:SECRET"}, "SMTP_URL: expected smtp"),
        ({"SMTP_URL": "smtp://mail.example.com:SECRET"}, "SMTP_URL: expected smtp"),
        ({"SMTP_URL": "smtp://u:SECRET@mail.example.com"}, "expected MAIL_TO and MAIL_FROM too"),
        ({"SMTP_URL": "smtp://m", "MAIL_FROM": "a@x", "MAIL_TO": "b@x, SECRET@b@x"}, "expected NAME@HOST"),
        ({"SMTP_URL": "smtp://m", "MAIL_FROM": "a@x", "MAIL_TO": "SECRET\n@x"}, "expected NAME@HOST"),
    ],
)
def test_a_faulty_setting_is_named_without_its_value(environment, said):
    with pytest.raises(Inconclusive, match=said) as told:
        channels(environment)
    assert "SECRET" not in str(told.value)


def test_addresses_are_not_shown():
    found = channels({"SMTP_URL": "smtp://u:SECRET@m.example.com", "MAIL_TO": "a@x.org, b@x.org", "MAIL_FROM": "c@x"})
    assert (found.recipients, "SECRET" in repr(found)) == (("a@x.org", "b@x.org"), False)


@pytest.fixture
def folder(tmp_path):
    made = samples.no_go(tmp_path / "run")
    publish(made)
    return made


def notify(folder, *args, **environment):
    kept = {name: value for name, value in os.environ.items() if name not in ("OPS_WEBHOOK_URL", "SMTP_URL")}
    argv = [sys.executable, NOTIFY, "notify", folder, *args]
    return subprocess.run(argv, capture_output=True, text=True, check=False, env=kept | environment)


def test_the_command_sends_both_and_leaves_the_record_alone(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    box = Mailbox()
    with webhook(200) as (url, bodies), smtp(box) as host:
        mail = {"SMTP_URL": f"smtp://{host}", "MAIL_TO": "lead@example.com", "MAIL_FROM": "ops@example.com"}
        done = notify(folder, OPS_WEBHOOK_URL=url, **mail)
    assert (done.returncode, done.stdout.count("SENT")) == (0, 2), done.stderr
    assert bodies[0]["text"].startswith("❌ Epic 21 Stage 21_01c Deployment NO-GO")
    assert b"Subject: Epic 21 Stage 21_01c Deployment Summary: NO-GO" in box.messages[0].content
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_text_is_sent_once_unless_it_is_told_to(folder):
    with webhook(200, 200) as (url, bodies):
        first, second, third = (notify(folder, *args, OPS_WEBHOOK_URL=url) for args in ((), (), ("--again",)))
    assert ([first.returncode, second.returncode, third.returncode], len(bodies)) == ([0, 0, 0], 2)
    assert "SENT BEFORE: the post" in second.stderr
    assert "--again" in second.stderr


def test_lost_receipt_is_told_and_one_that_cannot_be_kept_sends_nothing(folder):
    receipts = folder.parent / "receipts.jsonl"

    class LosesThem(Mailbox):
        async def handle_DATA(self, server, session, envelope):  # noqa: N802
            receipts.unlink()
            receipts.mkdir()
            return await super().handle_DATA(server, session, envelope)

    with webhook(200) as (url, bodies), smtp(box := LosesThem()) as host:
        mail = {"SMTP_URL": f"smtp://{host}", "MAIL_TO": "lead@example.com", "MAIL_FROM": "ops@example.com"}
        done, again = (notify(folder, "--again", OPS_WEBHOOK_URL=url, **mail) for _ in range(2))
    assert (done.returncode, again.returncode, len(bodies), len(box.messages)) == (1, 2, 1, 1)
    assert (done.stderr.count("do not send it again"), "nothing was sent" in again.stderr) == (1, True)


def test_the_command_says_what_was_not_sent(folder):
    with webhook(500) as (url, _):
        done = notify(folder, OPS_WEBHOOK_URL=url)
    assert (done.returncode, "NOT SENT: post: webhook at 127.0.0.1: expected HTTP 200" in done.stderr) == (1, True)


def test_a_dry_run_shows_the_texts_and_sends_nothing(folder):
    with webhook(200) as (url, bodies):
        done = notify(folder, "--dry-run", OPS_WEBHOOK_URL=url)
    assert (done.returncode, bodies) == (0, [])
    assert "--- post, would be sent" in done.stdout
    assert "--- email, not configured" in done.stdout


def test_a_changed_record_and_no_channel_send_nothing(folder):
    assert notify(folder).returncode == 2
    (folder / "record.html").write_text("GO")
    with webhook(200) as (url, bodies):
        assert notify(folder, OPS_WEBHOOK_URL=url).returncode == 1
    assert bodies == []
