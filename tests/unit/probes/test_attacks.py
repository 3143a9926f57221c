"""The corpus of attacks: sound as data, and a runner that catches what a service does, not what it says."""

from __future__ import annotations

import dataclasses
import re
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tiny_review_api import SOUND, tiny_review_api

from acceptance.conduct.testdata import _remove
from acceptance.finding import as_evidence, counts, summary
from acceptance.probes.archives import hostile, zip_bombs
from acceptance.probes.archives.archives import good
from acceptance.probes.archives.members import ARROW
from acceptance.probes.attacks.attacks import Attacks, with_orphans
from acceptance.probes.attacks.control_uploads import StorageRoots, Students
from acceptance.probes.attacks.corpus import FIELDS, HARMLESS, Case, load_cases, selection
from acceptance.probes.attacks.escape_targets import places
from acceptance.probes.attacks.payload import PayloadError, expand
from acceptance.probes.attacks.results import Results, emptied, removals
from acceptance.probes.attacks.runner import run
from acceptance.probes.storage.directory import copies_of
from acceptance.probes.storage.refused_documents import COLLECTIONS, refused_documents
from acceptance.probes.storage.uploads import Uploader
from acceptance.verdict import Inconclusive

CORPUS = load_cases()
BY_ID = {case.id: case for case in CORPUS}
ONE = (BY_ID["student_id-dotdot-once"],)
ID = re.compile(r"[a-z0-9_]+(-[a-z0-9_]+)+")
SOURCE = re.compile(
    r"CWE-(20|22|23|35|36|41|59|73|158|176|178|180|190|235|400|409|436|732|755|770)|CVE-\d{4}-\d{4,7}|zip-slip|tar-slip"
    r"|OWASP|RFC (2046|2231|5987|7578)"
)
NAMES = (
    *("tag", "student", "assignment", "victim", "victim_assignment", "victim_file", "up", "root", "canary_dir"),
    *("student_field", "file_field", "boundary"),
)
VALUES = {name: name for name in NAMES} | {"canary": "canary_dir/canary", "outside": "canary_dir/new"}
PREFIX = "acc-77aa"
BESIDE_PLAIN = (
    *("star-beside-plain", "star-before-plain", "star-absolute-beside-plain", "star-canary-beside-plain"),
    *("pieces-beside-plain", "pieces-encoded-beside-plain", "plain-twice-hostile-last", "plain-twice-other-case"),
    "two-headers-hostile-last",
)
TWO_READINGS = ("local", "first_end", "last_end", "zip64", "without_zip64")
TARS = (
    *("pax-dotdot", "pax_link-absolute", "pax_global-dotdot", "sparse-dotdot", "hardlink_to_symlink-canary"),
    *("two_steps-absolute", "chain-top-and-down"),
)

Run = Callable[..., Results]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A host's folders; one step deeper than needed, so that no attack leaves `tmp_path`."""
    host = tmp_path / "host"
    (host / "var/archives").mkdir(parents=True)
    (host / "var/precious").write_text("not ours")
    return host


def roots(home: Path, *writers: str) -> StorageRoots:
    known = tuple(home / pattern for pattern in writers)
    return StorageRoots(home / "var/archives", (home / "var",), home / "canaries", known)


def attack(
    home: Path, fault: str, cases: tuple[Case, ...] = ONE, writers: tuple[str, ...] = (), **settings: Any
) -> Results:
    with tiny_review_api(home / "var/archives", fault) as api:
        students = Students("attacker", "victim")
        uploader = Uploader(api.url, 10)
        return run(cases, uploader, roots=roots(home, *writers), students=students, run_prefix=PREFIX, **settings)[0]


# --- the corpus as data


def test_corpus_is_sound() -> None:
    sent: dict[tuple[str, bytes], str] = {}
    for case in CORPUS:
        assert ID.fullmatch(case.id), case
        assert SOURCE.fullmatch(case.source), case
        assert case.expect_event in ("path_traversal", "size_limit", "any", HARMLESS), case
        payload = expand(case.payload, VALUES)
        assert payload, case
        if case.field in hostile.FIELDS:
            assert hostile.is_link(case.field) == (ARROW in payload), f"a link is `name -> target`: {case}"
        same = sent.setdefault((case.field, payload), case.id)
        assert same == case.id, "the same payload in the same field"
    assert len(BY_ID) == len(CORPUS), "an id is used twice"


def test_selection_holds_one_of_each_kind_and_nothing_that_does_harm() -> None:
    chosen = [case.field for case in selection(CORPUS)]
    harmful = {"bomb", "zip.special", "tar.special", "zip.chain", "tar.chain", "zip.method", "zip.encrypted"}
    assert sorted(chosen) == sorted({case.field for case in CORPUS} - harmful)


def test_corpus_has_the_size_and_reaches_every_field() -> None:
    fields = Counter(case.field for case in CORPUS)
    assert len(CORPUS) >= 250
    assert set(fields) == set(FIELDS)
    assert {case.payload for case in CORPUS if case.field == "bomb"} == set(zip_bombs.KINDS)


def test_corpus_aims_at_nothing_real() -> None:
    """Not even a service with every hole may lose a file of its host to the corpus."""
    absolute = [case.id for case in CORPUS if case.payload.startswith("/") and "{" not in case.payload]
    assert absolute == []
    assert [case.id for case in CORPUS if "etc" in case.payload] == []


def test_a_line_without_its_columns_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.tsv").write_text("# comment\n\na-b\tstudent_id\t..\n")
    with pytest.raises(ValueError, match=r"c\.tsv:3: expected 5 columns parted by tabs, found 3"):
        load_cases(tmp_path / "c.tsv")


@pytest.mark.parametrize(
    ("payload", "raw"),
    [
        (r"..\xc0\xaf", b"..\xc0\xaf"),
        (r"\uFF0F", "\uff0f".encode()),
        (r"a\0b\t\n\r\\c", b"a\0b\t\n\r\\c"),
        ("{3*../}x", b"../../../x"),
        (r"{2*..\\}", b"..\\..\\"),
        ("{path}", b"/a/b"),
        ("{path|%2f}", b"%2fa%2fb"),
        ("${{HOME}}", b"${HOME}"),
    ],
)
def test_payload_notation(payload: str, raw: bytes) -> None:
    assert expand(payload, {"path": "/a/b"}) == raw


@pytest.mark.parametrize("payload", ["\\", r"\q", "{", "}", "{x y}", "{unknown}"])
def test_payload_that_breaks_the_notation_is_named(payload: str) -> None:
    with pytest.raises(PayloadError):
        expand(payload, {})


@pytest.mark.parametrize("kind", zip_bombs.KINDS)
def test_bombs_are_small_on_the_wire(kind: str) -> None:
    archive = zip_bombs.bomb(kind)
    assert archive.size < 1_000_000
    assert archive.nonce in archive.read()[:4096]


def test_zeros_of_the_bombs_have_the_crc_that_is_told() -> None:
    """Else who reads it refuses them before their size matters."""
    for size in zip_bombs._CRC:
        packed, crc = zip_bombs._zeros(size)
        unpack, length, seen = zlib.decompressobj(-15), 0, 0
        while piece := unpack.decompress(packed, 1 << 24):
            packed, length, seen = unpack.unconsumed_tail, length + len(piece), zlib.crc32(piece, seen)
        assert (length, seen) == (size, crc)


@pytest.mark.parametrize(
    "payload",
    [
        b"../x",
        b"..%2fx",
        b"%252e%252e%252fx",
        b"..\\x",
        b"..\xc0\xafx",
        b"&#46;&#46;/x",
        "．．／x".encode(),
        b"../x\0.zip",
    ],
)
def test_escape_target_is_found_behind_each_encoding(payload: bytes) -> None:
    assert Path("/srv/x") in places("student_id", payload, [Path("/srv/root")])


# --- the runner


def test_a_sound_service_has_no_finding_in_the_whole_corpus_in_ten_seconds(home: Path) -> None:
    start, work = time.monotonic(), time.process_time()
    results = attack(home, SOUND, CORPUS)
    assert results.findings == []
    assert results.no_data == []
    assert list(results) == [case.id for case in CORPUS]
    assert time.process_time() - work < 10, "seconds of work, whatever else the machine does"
    assert time.monotonic() - start < 60


def test_every_exchange_has_the_trace_that_the_service_saw(home: Path) -> None:
    with tiny_review_api(home / "var/archives") as api:
        cases = CORPUS[:20]
        students = Students("a", "v")
        results, _ = run(cases, Uploader(api.url), roots=roots(home), students=students, run_prefix=PREFIX)
    sent = {result.exchange.trace_id for result in results.values()}
    assert len(sent) == 20
    assert sent < set(api.traces)


@pytest.mark.parametrize("fault", ["trusts-ids", "writes-then-400"])
def test_what_is_written_outside_is_found_whatever_is_answered(home: Path, fault: str) -> None:
    results = attack(home, fault)
    result = results["student_id-dotdot-once"]
    assert home / f"var/{PREFIX}-c0001/{PREFIX}-c0001/{PREFIX}-c0001.zip" in result.written_outside
    assert result.exchange.refused is (fault == "writes-then-400")
    assert "wrote outside the storage root" in results.findings[0].found


def test_a_write_far_from_every_watched_folder_is_found(home: Path) -> None:
    results = attack(home, "writes-then-400", (BY_ID["student_id-dotdot-three-times"],))
    assert home.parent / f"{PREFIX}-c0001" in results["student_id-dotdot-three-times"].written_outside


def test_places_are_announced_before_anything_is_sent(home: Path) -> None:
    told: set[Path] = set()

    def announce(places: Sequence[Path]) -> None:
        told.update(path for path in places if not path.exists())

    attack(home, "writes-then-400", (BY_ID["student_id-dotdot-three-times"],), announce=announce)
    assert {home.parent / f"{PREFIX}-c0001", home / "canaries"} <= told


def test_an_overwritten_canary_is_put_to_its_case(home: Path) -> None:
    results = attack(home, "trusts-names", (BY_ID["new_zip-absolute-canary"], BY_ID["new_zip-dotdot-once"]))
    assert results["new_zip-absolute-canary"].written_outside == (home / f"canaries/canary-{PREFIX}.txt",)
    assert results["new_zip-dotdot-once"].written_outside == ()


def test_an_overwritten_archive_of_another_student_is_put_to_its_case(home: Path) -> None:
    results = attack(home, "trusts-names", (BY_ID["new_zip-victim-exactly"], BY_ID["new_zip-dotdot-once"]))
    assert [result.victim_intact for result in results.values()] == [False, True]
    assert "changed another student's archive" in results.findings[0].found


@pytest.mark.parametrize(
    "case", ["zip-dotdot-to-the-top-and-down", "zip-absolute-new", "zip-overwrite-canary", "zip-symlink-absolute"]
)
def test_members_that_are_unpacked_outside_are_found(home: Path, case: str) -> None:
    results = attack(home, "unpacks", (BY_ID[case],))
    assert results[case].written_outside


@pytest.mark.parametrize(
    ("fault", "case"),
    [
        *(("guards-the-first", f"new_zip_head-{name}") for name in BESIDE_PLAIN),
        *(("guards-the-first", name) for name in ("new_zip_last-canary", "student_id_last-dotdot")),
        ("guards-the-first", "form_after-second-form"),
        *(("guards-the-last", name) for name in ("assignment_id_first-dotdot", "new_zip_first-dotdot")),
        ("guards-the-last", "new_zip_head-plain-twice-hostile-first"),
        ("guards-the-last", "new_zip_head-two-headers-hostile-first"),
        ("guards-the-last", "form_before-boundary-goes-on"),
        *(("unpacks-a-stream", f"zip_{name}-dotdot") for name in TWO_READINGS),
        ("unpacks-a-stream", "tar_pax_size-dotdot"),
        *(("unpacks", f"zip_{name}") for name in ("two_steps-absolute", "two_steps-four-up", "chain-top-and-down")),
        ("unpacks-folded", "zip_case-absolute"),
        *(("unpacks", f"tar_{name}") for name in TARS),
    ],
)
def test_newer_kinds_are_found_by_what_they_write_outside(home: Path, fault: str, case: str) -> None:
    """A guard that reads a form or an archive otherwise than what uses it lets the attack through."""
    assert attack(home, SOUND, (BY_ID[case],)).findings == []
    found = attack(home, fault, (BY_ID[case],))
    assert found[case].written_outside, found.findings


@pytest.mark.parametrize("case", ["zip_special-setuid", "zip_special-setgid", "tar_special-pipe", "tar_special-setuid"])
def test_what_is_never_harmless_in_the_storage_is_found(home: Path, case: str) -> None:
    [first, *_] = attack(home, "unpacks", (dataclasses.replace(BY_ID[case], expect_event="harmless"),)).findings
    assert first.kind == "unsafe file"


def test_a_case_may_be_taken_without_harm_and_no_service_may_stumble_over_it(home: Path) -> None:
    case = BY_ID["zip_encrypted-plain-name"]
    taken = attack(home, SOUND, (case,))
    assert (taken[case.id].taken, taken.findings) == (True, [])
    assert "or 2xx without harm, found 500" in str(attack(home, "reads-members", (case,)).findings[0])


@pytest.mark.parametrize(("fault", "kinds"), [("leaves-incoming", ["accepted"]), ("limits-rate", [])])
def test_a_refusal_of_what_might_be_taken_leaves_nothing(home: Path, fault: str, kinds: list[str]) -> None:
    found = attack(home, fault, (BY_ID["student_id-blank"],))
    assert [each.kind for each in found.findings] == kinds
    assert bool(found.no_data) == (fault == "limits-rate")


@pytest.mark.parametrize(("fault", "kinds"), [("fails", ["orphan", "answered 500"]), (SOUND, ["orphan"])])
def test_records_of_what_was_turned_away_are_put_to_their_case(
    home: Path, fault: str, kinds: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = (*ONE, BY_ID["student_id-blank"], BY_ID["zip_local-dotdot"])
    results = attack(home, fault, cases)
    asked: list[str] = []

    def known(_: object, __: str, marks: list[str]) -> dict[str, list[str]]:
        asked.extend(marks)
        return {f"{PREFIX}-c0002": ["long_tasks rev_1, queued"]}

    monkeypatch.setattr("acceptance.probes.attacks.attacks.refused_documents", known)
    [told, *_] = [found for found in with_orphans(results, Any, PREFIX).values() if found.orphans]
    assert (told.case.id, [each.kind for each in told.findings]) == ("student_id-blank", kinds)
    assert results["zip_local-dotdot"].taken
    assert asked == [f"{PREFIX}-c0001", f"{PREFIX}-c0002"], "of what was taken there may be records"


class Documents(list[dict[str, Any]]):
    """The documents of one collection, whatever is asked for."""

    name = "butler.x"

    def find(self, _: object) -> Sequence[dict[str, Any]]:
        return self


def test_documents_of_a_refusal_are_found_by_its_whole_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acceptance.probes.storage.refused_documents.TIDYING_S", 0)
    tasks = Documents({"task_id": f"rev_{mark}", "metadata": {"x": f"../{mark}"}} for mark in ("p-c1", "p-c12"))
    mongo: Any = dict.fromkeys(COLLECTIONS, Documents()) | {"long_tasks": tasks}
    assert refused_documents(mongo, "p", ["p-c1", "p-c2"]) == {"p-c1": ["butler.x rev_p-c1"]}


def test_what_no_path_is_long_enough_for_is_seen_and_can_be_removed(home: Path) -> None:
    found = attack(home, "unpacks", (BY_ID["tar_chain-top-and-down"],))
    assert max(len(str(path)) for path in found.created) > 4096
    assert [folder for folder in emptied(found) if len(str(folder)) > 4096] == []
    assert copies_of(good(), home / "var/archives") == []
    _remove(home / "var/archives/attacker")
    assert not (home / "var/archives/attacker").exists()


def test_a_folder_made_outside_before_the_refusal_is_found(home: Path) -> None:
    assert attack(home, "makes-folder-first")["student_id-dotdot-once"].written_outside


def test_what_a_refusal_leaves_in_the_storage_is_found(home: Path) -> None:
    assert len(attack(home, "leaves-incoming")["student_id-dotdot-once"].written_inside) == 1


def test_a_service_may_tidy_up_after_its_answer(home: Path) -> None:
    assert attack(home, "tidies-late").findings == []


@pytest.mark.parametrize(("where", "kind"), [("outside", "written outside"), ("archives/x", "accepted")])
def test_what_is_written_when_the_attacks_were_judged_is_found(home: Path, where: str, kind: str) -> None:
    with tiny_review_api(home / "var/archives") as api:
        students = Students("a", "v")
        results, later = run(ONE, Uploader(api.url), roots=roots(home), students=students, run_prefix=PREFIX)
    place = home / "var" / where
    assert (results.findings, later.written_late(results)) == ([], [])
    place.write_bytes(next(nonce for nonce, whose in results.nonces.items() if whose == ONE[0].id))
    assert [(each.kind, str(place) in each.found) for each in later.written_late(results)] == [(kind, True)]


def test_a_file_that_vanishes_outside_is_a_stray_finding(home: Path) -> None:
    results = attack(home, "deletes-outside")
    assert results.stray == (home / "var/precious",)
    assert "by which case is unknown" in results.findings[-1].found


def test_a_file_that_the_service_is_known_to_write_is_no_stray(home: Path) -> None:
    results = attack(home, "deletes-outside", writers=("var/prec*",))
    assert (results.stray, results.findings) == ((), [])


def test_internals_in_the_answer_are_found(home: Path) -> None:
    assert "source line" in " ".join(attack(home, "leaks")["student_id-dotdot-once"].leaks)


def test_a_server_error_is_no_refusal(home: Path) -> None:
    assert "expected a refusal (4xx), found 500" in str(attack(home, "fails").findings[0])


def test_a_rate_limit_is_neither_good_nor_bad(home: Path) -> None:
    results = attack(home, "limits-rate")
    assert results.findings == []
    assert "429 says nothing about the payload" in results.no_data[0]


def test_what_the_deadline_left_unsent_is_neither_good_nor_bad(home: Path) -> None:
    results = attack(home, SOUND, deadline_s=-1)
    assert results.findings == []
    assert "not sent" in results.no_data[0]


def test_findings_are_grouped_worst_first_and_hold_request_and_answer(home: Path) -> None:
    cases = tuple(BY_ID[name] for name in ("zip-dotdot-once", "new_zip-victim-exactly", "new_zip-absolute-canary"))
    found = Attacks(attack(home, "trusts-names", cases), {}, list).findings()
    assert list(counts(found)) == ["written outside", "overwritten", "accepted", "not logged"]
    assert summary(found).startswith("1 written outside, 1 overwritten, ")
    told, *seen = as_evidence(found)
    assert [each["kind"] for each in told.data["findings"]][:2] == ["written outside", "overwritten"]
    assert {piece.title.partition(" ")[0] for piece in seen} == {case.id for case in cases}
    assert all(piece.data["url"] and piece.data["status"] for piece in seen)


@pytest.mark.parametrize(("fault", "case"), [("limits-rate", "429 says nothing"), ("writes-then-400", "")])
def test_what_says_nothing_hides_no_finding(home: Path, fault: str, case: str) -> None:
    attacks = Attacks(attack(home, fault), {"": Counter(path_traversal=1)}, list)
    if not case:
        assert list(counts(attacks.findings())) == ["written outside"]
        return
    with pytest.raises(Inconclusive, match=f"1 of 1 attacks say nothing; the first: .*{case}"):
        attacks.findings()


def test_a_service_that_refuses_everything_proves_nothing(home: Path) -> None:
    with pytest.raises(Inconclusive, match="expected a good upload for 'attacker' to be accepted"):
        attack(home, "refuses-all")
    assert not list((home / "canaries").iterdir())


def test_what_turns_an_attacker_away_for_all_proves_nothing(home: Path) -> None:
    """A firewall that knows its man after the first attack: the service behind it never sees the others."""
    results = attack(home, "bans", (*ONE, BY_ID["zip-dotdot-once"]))
    assert (results.findings, len(results.no_data)) == ([], 2)
    assert "a good upload of the same student after the attacks was not taken either" in results.no_data[1]


def test_a_service_that_stores_elsewhere_proves_nothing(home: Path) -> None:
    with pytest.raises(Inconclusive, match="check that STORAGE_ROOT is the folder"):
        attack(home, "writes-elsewhere")


def test_no_service_proves_nothing(home: Path) -> None:
    with pytest.raises(Inconclusive, match="refused"):
        run(ONE, Uploader("http://127.0.0.1:1"), roots=roots(home), students=Students("a", "v"), run_prefix=PREFIX)


@pytest.mark.parametrize("fault", [SOUND, "trusts-ids", "leaves-incoming"])
def test_removals_leave_what_was_there_and_nothing_else(home: Path, fault: str) -> None:
    (home / "var/archives/someone").mkdir()
    (home / "var/archives/someone/other.zip").write_bytes(b"not ours")
    results = attack(home, fault)
    for file in removals(results):
        file.unlink()
    for folder in emptied(results):
        folder.rmdir()
    assert {path.name for path in home.rglob("*") if path.is_file()} == {"precious", "other.zip"}
    assert not [path for path in home.parent.rglob("*") if PREFIX in path.name]


def test_a_foreign_file_that_was_overwritten_is_not_among_the_removals(home: Path) -> None:
    case = dataclasses.replace(BY_ID["new_zip-dotdot-once"], payload="../../../precious")
    results = attack(home, "trusts-names", (case,))
    assert results[case.id].written_outside == (home / "var/precious",)
    assert home / "var/precious" not in removals(results)
