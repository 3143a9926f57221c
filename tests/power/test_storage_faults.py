"""Each seeded fault of stage 21_01c turns its own check red, and the stage ends rolled back.

The catalogue of faults is ``python -m lab faults``. What must be the first to be not good is said here; where a trigger
and a check may see the same damage first, both are named.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from held_lab import SHORT, broken, retold

from acceptance.probes.archives import archives
from acceptance.probes.archives.archives import eicar_zip
from acceptance.probes.clients import Clients
from acceptance.probes.storage.uploads import Upload, Uploader
from acceptance.record.publish import load
from acceptance.target.loading import load_target
from lab.faults import STORAGE_FAULTS
from power import table
from power.means import stopped
from power.stage_run import left_over, run_stage
from power.survey import both_tests
from power.table import INCONCLUSIVE, Power

TAMPERED = "test_tampered_archive_is_refused[tampered-start]"
ATTACKS = "test_attacks_are_blocked"
COLLIDING = "test_another_archive_is_not_overwritten[ids-equal-when-joined]"
STUDENT = "471100815"
"""Somebody else's id, which every deployment takes."""
FULL_DISK = {"MIN_FREE_BYTES": str(10**17)}
FEW = {"TRAFFIC_PER_MINUTE": "60", "SOAK_SECONDS": "1"}
"""Too few uploads to say anything of."""
MANY = {"SOAK_SECONDS": "12"}
"""So many uploads that one in fifty is among them on a busy machine, too."""

Before = partial(Power, only=("preflight",))
Off = partial(Power, only=("flag_off",))
On = partial(Power, only=("flag_on",))
Security = partial(Power, only=("security",))
SELECTION = {"ATTACKS": "selection"}
"""One attack of each kind: a tenth of the corpus, which sees these faults as well."""
Attack = partial(Power, red=(ATTACKS,), only=("security",), k="attack", settings=SELECTION)
Soak = partial(Power, only=("soak",))
Exit = partial(Power, only=("exit_gate",))


@contextmanager
def storage_open_to_all(target_file: Path) -> Iterator[dict[str, str]]:
    """Anybody may read and replace the archives."""
    root = load_target(target_file).storage.root
    mode = root.stat().st_mode
    root.chmod(0o777)
    try:
        yield {}
    finally:
        root.chmod(mode)


@contextmanager
def another_user(target_file: Path, act: Callable[[Uploader, threading.Event], None]) -> Iterator[dict[str, str]]:
    """Let somebody else use the service during the run."""
    over = threading.Event()
    other = threading.Thread(target=act, args=(Clients(load_target(target_file)).uploader, over))
    other.start()
    try:
        yield {}
    finally:
        over.set()
        other.join()


def foreign_viruses(target_file: Path) -> AbstractContextManager[dict[str, str]]:
    """Somebody sends viruses, which the service refuses as it should: nothing of ours, and worth a question."""

    def send(uploader: Uploader, over: threading.Event) -> None:
        while not over.wait(0.5):
            uploader.send(Upload(STUDENT, "hw", eicar_zip()))

    return another_user(target_file, send)


def wrong_digests(target_file: Path) -> AbstractContextManager[dict[str, str]]:
    """Somebody declares a wrong digest three times, once the soak's uploads are well under way."""
    root = load_target(target_file).storage.root

    def send(uploader: Uploader, over: threading.Event) -> None:
        before = len(list(root.rglob("*.zip")))
        while not over.wait(0.1):
            if len(list(root.rglob("*.zip"))) > before + 20:
                for _ in range(3):
                    uploader.send(Upload(STUDENT, "hw", archives.good(), declared_sha256="0" * 64))
                return

    return another_user(target_file, send)


POWER = (
    table.OldCode(stage="21_01c"),
    table.Unwatched(stage="21_01c", settings={"API_JOB": "nobody"}, survey="before"),
    Before(
        (),
        ("test_storage_directory_is_prepared",),
        "with mode 777",
        by=table.Means("storage-open-to-all", storage_open_to_all),
        survey="before",
    ),
    Before(
        (),
        ("test_antivirus_finds_eicar_if_enabled",),
        "expected an answer of clamd",
        code=INCONCLUSIVE,
        by=stopped("infra:clamd"),
        survey="before",
    ),
    # The whole stage ends at the first bad check, wherever that stands.
    Power(("disk-gone",), ("test_upload_lands_in_the_old_place",), "found 500"),
    Off(("old-path-other-student",), ("test_task_can_be_asked_for",), "student_id", survey="off"),
    Off(
        ("old-path-first-file-only",), ("test_each_file_lands_in_the_old_place",), "old_zip byte for byte", survey="off"
    ),
    Power(("service-does-not-come-back",), ("test_flag_change_restarted_the_service",), "expected"),
    Power(("flag-ignored",), ("test_new_path_is_at_work",), "the flag has no effect"),
    Power(("checksum-not-verified",), (TAMPERED,), "expected 400 or 422, found"),
    Power(("write-errors",), ("trigger permission-errors", "test_answer_is_what_was_sent", ATTACKS), "", code=(1, 10)),
    Power(("slow-writes",), ("trigger write-latency", "trigger new-alerts"), "found", settings=SELECTION),
    # A green /health is believed by nobody: with the storage gone the stage is red all the same.
    Off(("health-lies", "disk-gone"), ("test_upload_lands_in_the_old_place",), "found 500", survey="full-off"),
    # Nothing was switched, but the restart that was begun is still owed: the run says so, and the next one pays.
    table.RestartsNothing(red=("test_service_runs_the_deployed_code",), stage="21_01c"),
    Off(("health-lies", "disk-gone"), ("test_requests_are_answered_and_timed",), "failed", survey="full-off"),
    Off(("flags-stuck-on",), ("test_new_path_is_not_at_work",), table.NEW_PATH, restarts=True),
    On(("errors-not-raised",), ("test_file_is_saved", "trigger permission-errors"), "found"),
    On(("metadata-not-written",), ("test_checksum_is_recorded",), "no document for", survey="a"),
    On(("wrong-checksum-recorded",), ("test_checksum_is_recorded",), "expected", survey="b"),
    On(("archive-not-kept",), ("test_file_is_saved",), "found 201 and 0", survey="not-kept"),
    On(("wrong-size-recorded",), ("test_metadata_is_persisted",), "bytes, found {", survey="b"),
    # A submission of several files. Where errors are counted, a trigger may see them first.
    On(
        ("disk-gone", "errors-not-counted"),
        ("test_answer_is_what_was_sent",),
        "201",
        table.EITHER_WAY,
        survey="full-on",
    ),
    On(("disk-gone", "errors-not-counted"), ("test_task_can_be_asked_for",), "200", table.EITHER_WAY, survey="full-on"),
    On(("archive-not-kept",), ("test_each_file_is_stored_once",), "found", survey="not-kept"),
    On(("copy-left-outside",), ("test_each_file_is_stored_once",), "copies outside", survey="left"),
    On(
        ("previous-alone-lost",),
        ("test_uploads_at_once_are_not_mixed_up",),
        "expected one document for each of ['new', 'previous'], found ['new']",
        survey="left",
    ),
    On(("wrong-size-recorded",), ("test_documents_say_all_that_was_sent",), "found", survey="b"),
    On(("long-names-cut",), ("test_documents_say_all_that_was_sent",), "logs: filename", survey="g"),
    Security(
        ("checksum-not-verified",),
        ("test_broken_archive_beside_a_good_one_is_refused[old_zip]",),
        "expected 400 or 422, found",
        survey="a",
    ),
    Security(
        ("av-not-scanned",),
        ("test_virus_beside_a_good_archive_is_refused[old_zip]",),
        "expected 422, found",
        survey="a",
    ),
    Security(
        ("checksum-not-verified",),
        ("test_wrong_digest_of_a_good_archive_is_refused[small]",),
        "expected 400 or 422, found",
        survey="a",
    ),
    Security(("checksum-not-enforced",), (TAMPERED,), "expected 400 or 422, found", survey="c"),
    Security(("event-missing",), (TAMPERED,), "expected a warning or an error", survey="b"),
    Security(("leaks-internals",), (TAMPERED,), "the refusal tells", survey="d"),
    Security(("refusal-without-detail",), (TAMPERED,), 'the body {"detail": ...}', survey="f"),
    Security(("long-ids-rounded",), ("test_long_id_is_taken_or_refused",), "11', found", survey="f"),
    Security(("long-id-half-kept",), ("test_long_id_is_taken_or_refused",), "kept in the storage", survey="b"),
    Security(
        ("broken-off-left",),
        ("test_upload_that_is_broken_off_leaves_nothing",),
        "nothing kept of an upload that its client broke off",
        survey="f",
    ),
    Security(("left-over-incoming",), (TAMPERED,), "kept in the storage", survey="e"),
    Security(("av-not-scanned",), ("test_virus_is_refused[eicar-in-zip]",), "expected 422, found", survey="a"),
    Attack(("answer-400-after-write",), told="wrote outside the storage root", survey="d"),
    Attack(("traversal-assignment-id",), told="written outside", settings={}, besides=("assignment_id-",), survey="g"),
    Attack(("traversal-file-name",), told="written outside", survey="a"),
    Attack(("traversal-member",), told="written outside", survey="e"),
    Attack(("form-read-twice",), told="written outside", survey="f"),
    Attack(("refused-recorded",), told="orphan", survey="f"),
    Attack(("unpacks-otherwise",), told="written outside", settings={}, besides=("zip_local-dotdot",), survey="g"),
    Attack(("odd-archives-crash",), told="", settings={}, besides=("answered 500",), survey="g"),
    Security(
        ("case-folded",),
        ("test_another_archive_is_not_overwritten[ids-equal-but-for-case]",),
        "found 0 and",
        survey="g",
    ),
    Security(
        ("long-ids-cut",),
        ("test_another_archive_is_not_overwritten[ids-equal-but-for-the-end]",),
        "found 0 and",
        survey="g",
    ),
    Security(
        ("overwrite-other-student",),
        (COLLIDING,),
        "found 0 and",
        not_shown=frozenset({"21_01c.rollout.3"}),
        needs="ids of any text",
        survey="b",
    ),
    Security(("limit-off-by-one",), ("test_archive_up_to_the_limit_is_accepted[exactly]",), "answered 413", survey="b"),
    Security(
        ("limit-accepts-one-more",),
        ("test_oversized_archive_is_refused[limit+1-with-length]",),
        "expected 413",
        survey="c",
    ),
    Security(
        ("limit-missing",), ("test_oversized_archive_is_refused[limit+1-with-length]",), "expected 413", survey="a"
    ),
    Security(("errors-not-counted",), ("test_checksum_failures_are_counted",), "we provoked, found 0", survey="b"),
    Security(("av-one-at-a-time",), ("test_viruses_at_once_are_refused",), "expected 422, found", survey="f"),
    Security(("refused-recorded",), ("test_refused_uploads_are_not_recorded",), "refused and recorded", survey="f"),
    Security(
        ("refused-kept-late",),
        ("test_refused_uploads_are_not_recorded",),
        "kept in the storage",
        also=(TAMPERED,),
        survey="d",
    ),
    Security(
        ("digest-not-required",),
        ("test_missing_digest_is_refused_where_required",),
        "expected 400 or 422, found",
        survey="a",
    ),
    Security(
        ("checksum-not-verified",),
        ("test_broken_archive_is_refused[cut-in-half]",),
        "expected 400 or 422, found",
        survey="a",
    ),
    Attack(("writes-outside",), told="uploads.txt", survey="c"),
    Power(
        ("late-write-outside",),
        ("test_attacks_have_written_nothing_since",),
        "after the attacks were judged, wrote outside the storage root",
        only=("security", "soak"),
        k="attacks",
        settings=SELECTION,
    ),
    Security(
        ("overwrite-other-student",), ("test_another_archive_is_not_overwritten[same-again]",), "found 0", survey="b"
    ),
    Security(
        ("newest-three-kept",), ("test_another_archive_is_not_overwritten[same-again]",), "found 0 and 0, 0", survey="c"
    ),
    # Of two guards each is enough: neither an end that is missing nor a digest that differs may be believed.
    Security(
        ("cut-form-accepted", "checksum-not-verified"),
        ("test_lying_content_length_is_refused",),
        "kept in the storage",  # whether the form or what came after it is answered first is a race
        survey="still",
    ),
    # Too little for a trigger, too much for the stage.
    Soak(("write-errors-seldom",), ("test_gate_holds[write-errors]",), "expected == 0 errors, found", survey="soak"),
    Soak(("archive-logs-errors",), ("test_no_new_errors_in_the_log",), "archive_not_indexed", survey="soak"),
    Soak(("errors-after-restart",), ("test_no_new_errors_in_the_log",), "seeded_error", survey="over-soak"),
    Soak(("write-errors-seldom",), ("test_every_upload_of_the_soak_was_stored",), "500", survey="soak"),
    Soak(
        (),
        ("test_archives_of_the_stage_are_still_there",),
        "the archive that was stored there",
        arguments_too=("-ptests.power.broken.loss",),
        survey="over-soak",
    ),
    Soak(
        ("refuses-good-archives",), ("test_every_upload_of_the_soak_was_stored",), "422", settings=MANY, survey="soak"
    ),
    table.Later(("writes-late",), stage="21_01c", survey="over-soak"),
    table.RestartsItself(stage="21_01c", survey="over-soak"),
    Soak(("restart-takes-others-along",), ("test_service_ran_through",), "restarted too", survey="over-soak"),
    Soak(
        ("metadata-seldom", "wrong-size-seldom"),
        ("test_every_upload_of_the_soak_is_recorded",),
        "one document for each of ['new']",
        besides=("new: size_bytes ",),
        settings=MANY,
        survey="over-soak",
    ),
    On(("owners-mixed",), ("test_uploads_at_once_are_not_mixed_up",), "one document for each of", survey="over-b"),
    Power(
        ("silent-clients-cut-off",),
        ("test_upload_over_a_slow_line_is_taken",),
        "408",
        only=("flag_off", "flag_on"),
        k="each_file_lands or slow_line",
        survey="over-a",
    ),
    Power(
        ("uploads-one-at-a-time",),
        ("test_upload_over_a_slow_line_is_taken",),
        "an upload beside it answered",
        only=("flag_off", "flag_on"),
        k="each_file_lands or slow_line",
    ),
    On(("same-file-shared",), ("test_same_file_of_two_students_is_each_ones_own",), "shared task", survey="over-a"),
    On(("same-student-mixed",), ("test_uploads_at_once_are_not_mixed_up",), "shared task", survey="b"),
    Off(("health-lies", "disk-gone"), ("test_work_is_reviewed",), "201 with a task_id", survey="full-off"),
    *(
        Power(
            faults,
            ("test_work_is_reviewed_as_with_the_flag_off",),
            "as by the old path",
            settings={"HTTP_TIMEOUT_SECONDS": "3"},  # a report that there is none of is waited for
            only=("flag_off", "flag_on"),
            k="work_is_reviewed",
            besides=tuple(besides),
            survey=survey,
        )
        for survey, faults, *besides in (
            ("over-a", ("place-without-root", "times-without-zone"), "with the zone of its time"),
            ("over-c", ("answer-remembered",), "answered otherwise"),
            ("over-c", ("many-members-refused",), "success of no log, and a project of many files"),
            ("over-b", ("answers-cacheable", "task-ids-in-a-row"), "cache-control", "ids of tasks that differ in 3"),
        )
    ),
    # Beside faults that refuse uploads, the one submission of several files might be refused, and no byte be missing.
    replace(
        table.NotMeasured(stage="21_01c", survey="counted"),
        faults=("times-not-measured", "bytes-not-counted"),
        besides=("as many as are stored of ours",),
    ),
    table.LeftBehind(
        ("requests-leave-files", "requests-leave-threads"),
        survey="counted",
        besides=("open files more", "GiB of addresses"),
    ),
    Security(
        ("large-files-not-checked",),
        ("test_wrong_digest_of_a_good_archive_is_refused[large]",),
        "expected 400 or 422, found",
        survey="b",
    ),
    Security(
        ("large-files-not-checked",), ("test_virus_is_refused[eicar-in-large-zip]",), "expected 422, found", survey="b"
    ),
    Security(
        ("fields-not-required",),
        ("test_incomplete_submission_is_refused[new_commit]",),
        "expected 400 or 422, found",
        survey="a",
    ),
    table.OddCrash(stage="21_01c", survey="over-a"),
    table.OddCalls(stage="21_01c", survey="over-b"),
    table.OtherLog(
        ("log-lines-twice",), told="lines of a request, as with the flag off", stage="21_01c", survey="over-soak"
    ),
    Power(
        ("storage-opened",),
        ("test_storage_directory_is_as_it_was_prepared",),
        "found",
        only=("soak",),
        restarts=True,  # read when the service starts
        survey="soak",
    ),
    table.OddCrashBefore(stage="21_01c", survey="off"),
    Power(
        ("old-tasks-forgotten",),
        ("test_task_of_the_old_path_is_still_known",),
        "/api/v1/reviews/",
        only=("flag_off", "flag_on"),
        k="asked_for or still_known",
        survey="over-a",
    ),
    *(
        Security(
            ("limit-of-first-file",),
            (f"test_oversized_archive_beside_a_good_one_is_refused[{field}]",),
            "413",
            k=field,
            survey="a",
        )
        for field in ("old_zip", "logs_zip")
    ),
    # Three after many good ones: too few for the trigger, too many for the gate.
    Soak(
        (),
        ("test_gate_holds[checksum-failures]",),
        "found 3 of",
        by=table.Means("wrong-digests", wrong_digests),
        settings={"SOAK_SECONDS": "6"},
    ),
    # Slow ones are the trigger's, which has the same bound; few ones are no proof of quick ones.
    Soak(
        (), ("test_gate_holds[write-latency-p95]",), "to judge by, found ", INCONCLUSIVE, FEW | FULL_DISK, survey="left"
    ),
    Soak(("archive-not-kept",), ("trigger not-stored",), "expected a file below"),
    Soak(
        (),
        ("test_no_unexpected_security_events",),
        "av_scan_reject",
        by=table.Means("foreign-viruses", foreign_viruses),
        needs="log events",
        survey="soak",
    ),
    Soak(
        ("checksum-not-verified",),
        ("test_wrong_digest_is_still_refused",),
        "expected 400 or 422, found",
        survey="still",
    ),
    Soak(("av-not-scanned",), ("test_virus_is_still_refused",), "expected 422, found", survey="still"),
    Soak((), ("test_disk_has_room",), "bytes free", settings=FEW | FULL_DISK, survey="left"),
    Exit(("write-errors-seldom",), ("test_no_file_write_errors",), "== 0 errors, found", survey="soak"),
    Exit((), ("test_checksum_validation_is_working",), "not verified", INCONCLUSIVE, survey="left"),
    Exit((), ("test_security_tests_passed",), "not verified", INCONCLUSIVE, survey="left"),
    Exit((), ("test_disk_usage_is_normal",), "bytes free", settings=FEW | FULL_DISK, survey="left"),
    Exit((), ("test_stage_is_accepted",), "21_01c.exit.1 was not checked", INCONCLUSIVE, survey="left"),
)


def test_every_fault_of_the_stage_is_tried() -> None:
    # Which the tables of 21_01a and 21_01b have, and the test of the record below.
    elsewhere = {"requests-keep-memory", "log-times-of-another-zone", "log-one-trace-id", "traversal-student-id"}
    tried = {name for power in POWER for name in power.faults} | elsewhere
    assert tried >= {fault.name for fault in STORAGE_FAULTS}


test_fault_turns_its_check_red, test_survey_tells_every_fault = both_tests(POWER, "held_target")


def test_record_of_a_vulnerable_service_holds_every_attack(held_target: Path, tmp_path: Path) -> None:
    """The first case of hundreds once stood for all of them, and the rest was not run."""
    quick = retold(held_target, "quick", **SHORT)
    with broken(held_target, "traversal-student-id", "traversal-assignment-id", "traversal-file-name"):
        ended = run_stage(quick, tmp_path, *table.part_of("21_01c", "security", k="attacks"))
    assert (ended.code, ended.outcome, left_over(quick)) == (1, "NO-GO", []), ended.explain()
    assert ended.folder is not None
    record = load(ended.folder)
    [check] = [check for check in record.checks if check.nodeid.endswith(ATTACKS)]
    worst, outside = record.findings[0], f"{record.findings[0].count} written outside"
    assert (worst.kind, worst.count > 20, check.number in worst.checks) == ("written outside", True, True), worst
    told = " ".join(ended.output.split())
    assert (outside in record.reasons[0], outside in check.reason, outside in told) == (True, True, True)
    page = (ended.folder / "record.html").read_text()
    assert [each for each in worst.subjects if each not in page] == []
    assert "missing archive" not in page  # what we removed behind the attacks is no archive that was lost
