"""No secret survives, in any spelling and any place; what is no secret does."""

import base64
import html
import json
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acceptance.redact import HIDDEN, Redactor, cut, cut_front, looks_secret, named_secrets

CANARY = 'canary 77/"ü?>x'
UNBROKEN = "q7Fz-unbroken/secret=0815"
SHAPES = Redactor([])


SPELLINGS = {
    "plain": CANARY,
    "url": quote(CANARY),
    "url, all of it": quote(CANARY, safe=""),
    "url, lower case": quote(CANARY, safe="").lower(),
    "form": quote_plus(CANARY),
    "json": json.dumps(CANARY)[1:-1],
    "json, not ascii": json.dumps(CANARY, ensure_ascii=False)[1:-1],
    "html": html.escape(CANARY),
    "base64": base64.b64encode(CANARY.encode()).decode(),
    "base64, unpadded": base64.b64encode(CANARY.encode()).decode().rstrip("="),
    "base64, for urls": base64.urlsafe_b64encode(CANARY.encode()).decode(),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_a_known_secret_is_hidden_in_each_spelling(spelling):
    assert Redactor([CANARY]).text(f"before|{spelling}|after") == f"before|{HIDDEN}|after"


@pytest.mark.parametrize("user", ["", "u", "us", "admin"])
def test_a_known_secret_is_hidden_within_longer_base64(user):
    """Basic auth encodes `user:password`, at any of three alignments."""
    encoded = base64.b64encode(f"{user}:{CANARY}:more".encode()).decode()
    cleaned = Redactor([CANARY]).text(encoded)
    assert HIDDEN in cleaned
    assert all(CANARY[:8].encode() not in base64.b64decode(it[: len(it) // 4 * 4]) for it in cleaned.split(HIDDEN))


@pytest.mark.parametrize(
    "text, cleaned",
    [
        ("mongodb://u:p@h:27018/butler", "mongodb://[redacted]@h:27018/butler"),
        ("mongodb://u:p@ss/w@h:1/db?x=a@b", "mongodb://[redacted]@h:1/db?x=a@b"),
        ("mongodb://u:12/34@h:1/db", "mongodb://[redacted]@h:1/db"),
        ("get http://admin:pw@127.0.0.1:3000/api, then", "get http://[redacted]@127.0.0.1:3000/api, then"),
        ("https://token@host/x", "https://[redacted]@host/x"),
        ("a://u:p@h1,b://v:q@h2", "a://[redacted]@h1,b://[redacted]@h2"),
        ("'redis://:pw@h'", "'redis://[redacted]@h'"),
        ("Authorization: Basic YTpi", "Authorization: [redacted]"),
        ("authorization: Bearer abc.def; next", "authorization: [redacted] next"),
        ("{'Authorization': 'Basic YTpi', 'b': 1}", "{'Authorization': '[redacted]', 'b': 1}"),
        ("[(b'Authorization', b'Basic YT'), (b'Host', b'h')]", "[(b'Authorization', b'[redacted]'), (b'Host', b'h')]"),
        ("X-Api-Key: k", "X-Api-Key: [redacted]"),
        ("api key: k", "api key: [redacted]"),
        ("sent bearer abcdefgh1", "sent bearer [redacted]"),
        ("MONGO_PASSWORD=p", "MONGO_PASSWORD=[redacted]"),
        ("export X_TOKEN_OLD='a b' # c", "export X_TOKEN_OLD='[redacted]' # c"),
        ("my_secret_thing: p", "my_secret_thing: [redacted]"),
        ('{"grafanaPassword":"a\\"b","n":1}', '{"grafanaPassword":"[redacted]","n":1}'),
        ('{\\"HW_CHECKER_API_KEY\\": \\"abc\\"}', '{\\"HW_CHECKER_API_KEY\\": \\"[redacted]\\"}'),
        ('cut off: "password": "hunt', 'cut off: "password": "[redacted]'),
        ("Grafana(user='a', password='b')", "Grafana(user='a', password='[redacted]')"),
        ("mongodump --password hunter2 --out x", "mongodump --password [redacted] --out x"),
        ("curl --api-key=k", "curl --api-key=[redacted]"),
        ("?token=abc", "?token=[redacted]"),
        ("DB_PASS=p PG_PWD=q", "DB_PASS=[redacted] PG_PWD=[redacted]"),
        ('"JWT_KEY": "a b", "n": 1', '"JWT_KEY": "[redacted]", "n": 1'),
        ("PASSWORD_SALT: s, X-Auth: t", "PASSWORD_SALT: [redacted] X-Auth: [redacted]"),
        ("dump --db-pass hunter2 --out x", "dump --db-pass [redacted] --out x"),
        ("AccountName=n;AccountKey=a+b==;X=y", "AccountName=n;AccountKey=[redacted]"),
        ("Endpoint=sb://h/;SharedAccessKey=k", "Endpoint=sb://h/;SharedAccessKey=[redacted]"),
        ("POST https://hooks.slack.com/services/T0/B0/x failed", "POST https://hooks.slack.com/[redacted] failed"),
        ("https://discord.com/api/webhooks/1/x", "https://discord.com/api/webhooks/[redacted]"),
        ("https://o.webhook.office.com/webhookb2/x@y/z", "https://o.webhook.office.com/webhookb2/[redacted]"),
        ("https://api.telegram.org/bot12:ab-c/getMe", "https://api.telegram.org/bot[redacted]"),
    ],
)
def test_shapes_that_carry_a_secret(text, cleaned):
    assert SHAPES.text(text) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:9090/api/v1/query?query=up",
        "http://[::1]:9090/a@b",
        "http://127.0.0.1:3000/d/uid@1",
        "mail ops@example.com about https://example.com/x",
        "no token, secret or password was found",
        "GRAFANA_PASSWORD (line 3) is missing",
        "sha256=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "USE_NEW_STORAGE_ADAPTER=true",
        "--plan --outside-window reason",
        "PRIMARY_KEY_ID=7 KEY=x BYPASS=1 PWD=/tmp AUTHOR=me",
        "https://example.com/hooks/about and https://example.com/bots/list",
    ],
)
def test_what_is_no_secret_stays(text):
    assert SHAPES.text(text) == text


def test_the_length_is_not_told():
    assert Redactor(["a" * 40]).text("a" * 40) == Redactor(["b" * 9]).text("b" * 9) == HIDDEN


def test_the_spellings_above_are_spelt_differently():
    assert len(set(SPELLINGS.values())) == len(SPELLINGS)


def test_a_python_repr_is_hidden_too():
    assert Redactor(["can'ary\n"]).text(repr(["can'ary\n"])) == f'["{HIDDEN}"]'


def test_a_secret_within_another_leaves_no_rest():
    assert Redactor(["hunter", "hunter-two"]).text("hunter-two hunter") == f"{HIDDEN} {HIDDEN}"


def test_a_short_secret_is_hidden_only_as_a_word():
    assert Redactor(["abc"]).text("abc=abcde, 'abc'") == f"{HIDDEN}=abcde, '{HIDDEN}'"


def test_no_secrets_and_empty_ones_hide_nothing():
    assert Redactor(["", ""]).text("plain text") == "plain text"


def test_a_redactor_does_not_show_what_it_knows():
    assert CANARY not in repr(Redactor([CANARY]))


def test_data_is_walked_and_copied():
    original = {"a": [CANARY, ("x", f"y {CANARY}")], CANARY: 1, "n": None, "f": 1.5, "ok": True}
    cleaned = Redactor([CANARY]).data(original)
    assert cleaned == {"a": [HIDDEN, ("x", f"y {HIDDEN}")], HIDDEN: 1, "n": None, "f": 1.5, "ok": True}
    assert original["a"][0] == CANARY


def test_data_under_a_secret_name_is_hidden():
    data = {"Password": "a b", "pin_token": 12, "token_set": True, "secret": "", "secrets": [{"x": 1}, ("z", 0, None)]}
    shown = {"token_set": True, "secret": "", "secrets": [{"x": HIDDEN}, (HIDDEN, HIDDEN, None)]}
    assert SHAPES.data(data) == shown | {"Password": HIDDEN, "pin_token": HIDDEN}


def test_json_stays_json():
    record = json.dumps({"url": "http://a:b@h/x", "api_key": 'k"1', "nested": [{"password": "p,q"}], "n": 1})
    hidden = {"url": f"http://{HIDDEN}@h/x", "api_key": HIDDEN, "nested": [{"password": HIDDEN}]}
    assert json.loads(SHAPES.text(record)) == hidden | {"n": 1}


NAMES = ["DB_PASS", "PG_PWD", "JWT_KEY", "BASIC_AUTH", "HASH_SALT", "SLACK_WEBHOOK", "webhook_url", "AccountKey"]


@pytest.mark.parametrize("name", ["MONGO_PASSWORD", "x_api_key_2", "X-Api-Key", "GitHubToken", "all_secrets", *NAMES])
def test_names_that_announce_a_secret(name):
    assert looks_secret(name)


@pytest.mark.parametrize("name", ["USER", "TRACE_HEADER", "USE_NEW_STORAGE_ADAPTER", "KEY", "BYPASS", "PWD", "AUTHOR"])
def test_names_that_do_not(name):
    assert not looks_secret(name)


def test_secrets_of_the_contracts_env_file():
    env = {
        "MONGO_USER": "butler",
        "MONGO_PASSWORD": "mongo-pw",
        "GRAFANA_PASSWORD": "abc",  # short, but the key says that it is one
        "TOKEN_TTL": "60",  # short, and the key does not
        "TOKEN_FILE_NAME": "token-file",
        "STORAGE_SECRET": "true",
        "API_KEY": "",
        "MONGODB_URL": "mongodb://butler:p%40ss@h/db,mongodb://x:y@h",
        "PLAIN": "http://127.0.0.1:9090",
        "AZURE_STORAGE": "AccountName=butler;AccountKey=k3y/+==;EndpointSuffix=x",
        "HOOK": "http://h/x?a=1&token=inner",
        "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/x",
    }
    found = ["mongo-pw", "abc", "token-file", "p%40ss", "p@ss", "k3y/+==", "inner"]
    assert [*named_secrets(env)] == [*found, "https://hooks.slack.com/services/T/B/x"]
    assert named_secrets(env)["k3y/+=="] == "AZURE_STORAGE"


def test_names_of_the_deployment_stay_in_an_events_facts_and_commands_stay_commands():
    redactor = Redactor(["butler-api", "hunter-two"])
    facts = {"service": "butler-api", "command": "make x --token t", "by_hand": ["sh --token t"], "text": "hunter-two"}
    assert redactor.facts(facts) == {**facts, "command": f"make x --token {HIDDEN}", "text": HIDDEN}


@pytest.mark.parametrize("most", range(20, 45))
def test_a_cut_leaves_no_half_of_a_secret(most):
    """Cut first and hidden afterwards, as happens between a library and the record."""
    text = f"the server said: {UNBROKEN} and went away, for {UNBROKEN} was wrong"
    for said in (cut(text, most), cut_front(text, most)):
        assert UNBROKEN[:4] not in Redactor([UNBROKEN]).text(said), said
        assert UNBROKEN[-4:] not in Redactor([UNBROKEN]).text(said), said
    assert cut("short", 5) == cut_front("short", 5) == "short"


def test_a_megabyte_is_read_once():
    """Texts made to make a backtracking pattern start again and again; measured 1.4 s for the ten of them."""
    pieces = r"""password=" :// a- -- password authorization: \" --a- password='x u:p@ a_key https://h/bot https://a/"""
    hostile = pieces.split()
    redactor = Redactor([CANARY])
    started = time.process_time()
    for piece in hostile:
        redactor.text(piece * (1_000_000 // len(piece)))
    assert time.process_time() - started < 6


_secret = st.text(st.characters(codec="utf-8", exclude_characters="[]"), min_size=4, max_size=20)
_spellings = st.sampled_from(
    [
        str,
        quote,
        quote_plus,
        html.escape,
        lambda s: json.dumps(s)[1:-1],
        lambda s: base64.b64encode(s.encode()).decode(),
    ]
)


@given(secrets=st.lists(_secret, min_size=1, max_size=4), data=st.data())
def test_no_secret_survives(secrets, data):
    """Whatever stands around it, no secret is found in what is left between the placeholders."""
    parts = st.one_of(st.text(max_size=8), st.builds(lambda s, f: f(s), st.sampled_from(secrets), _spellings))
    text = "".join(data.draw(st.lists(parts, max_size=8)))
    left = Redactor(secrets).text(text).split(HIDDEN)
    assert [s for s in secrets for piece in left if s in piece] == []


@given(secret=_secret, before=st.binary(max_size=5), after=st.binary(max_size=5))
def test_no_base64_gives_the_secret_back(secret, before, after):
    encoded = base64.b64encode(before + b":" + secret.encode() + b":" + after).decode()
    left = Redactor([secret]).text(encoded)
    assert left != encoded or len(secret.encode()) < 6
