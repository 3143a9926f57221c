"""The catalogue of seeded faults: what the suite's power is measured with (design, "Lab").

A fault is on while the file `HOME/faults/NAME` exists; services look at the moment of use. A hook sits where the
guard is that it breaks, so the code reads as the defect would.
"""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Fault:
    """One way in which a deployment can be broken.

    Attributes:
        name: what `--fault` and `HOME/faults/` call it.
        stage: the checklist's stage that must notice, such as `21_01c`.
        breaks: what goes wrong, in one line.
        turns_red: the checklist items that must not stay green, such as `21_01c.security.1`.
        needs: what alone shows it, which not every deployment has: `log events` or `trace ids`; empty for nothing such.
    """

    name: str
    stage: str
    breaks: str
    turns_red: tuple[str, ...]
    needs: str = ""


def _items(text: str) -> tuple[str, ...]:
    """Name the items in full; those of the stage's own sections are given without its name, such as `monitor.1`."""
    own = ("preflight", "deploy", "rollout", "security", "monitor", "exit")
    return tuple(f"21_01c.{item}" if item.startswith(own) else item for item in text.split())


# Those of the new adapter act on the new path only: with the flag off, the service is as sound as it was.
STORAGE_FAULTS: tuple[Fault, ...] = tuple(
    Fault(name, "21_01c", breaks, _items(items), *needs)
    for name, breaks, items, *needs in (
        (
            "checksum-not-verified",
            "the declared digest and the archive's own CRCs are not looked at",
            "security.1 exit.2",
        ),
        (
            "checksum-not-enforced",
            "a digest that differs is logged and counted, and the upload accepted",
            "security.1 exit.2",
        ),
        ("traversal-student-id", "a traversing student_id writes the archive outside the storage root", "security.2"),
        (
            "traversal-assignment-id",
            "a traversing assignment_id writes the archive outside the storage root",
            "security.2",
        ),
        (
            "traversal-file-name",
            "the client's file name is used, and a traversing one writes outside the storage root",
            "security.2",
        ),
        (
            "traversal-member",
            "archives are unpacked by their member names, also outside the storage root",
            "security.2",
        ),
        (
            "form-read-twice",
            "a form's other file name (filename*, pieces), and the last of two fields, is used and not looked at",
            "security.2",
        ),
        (
            "unpacks-otherwise",
            "archives are unpacked as another reader finds them (local headers, tars), all of an assignment together",
            "security.2",
        ),
        ("odd-archives-crash", "an archive that is encrypted or compressed otherwise is a 500", "security.2"),
        ("case-folded", "identifiers that differ by case only share a place", "security.2"),
        (
            "newest-three-kept",
            "of a student's archives for an assignment the newest three alone are kept",
            "security.2",
        ),
        (
            "answer-400-after-write",
            "a traversing student_id is answered 400 after its archive was written outside",
            "security.2",
        ),
        ("limit-off-by-one", "a file of exactly the size limit is refused", "security.3"),
        ("limit-accepts-one-more", "a file of one byte more than the size limit is accepted", "security.3"),
        ("limit-of-first-file", "old_zip and logs_zip may have any size", "security.3"),
        ("metadata-seldom", "every 20th upload has no review_archives document", "monitor.1"),
        ("fields-not-required", "a submission may lack its commit", "security.1"),
        ("large-files-not-checked", "files over 1 MiB are taken as they are", "security.1 preflight.3"),
        ("wrong-size-seldom", "every 15th document holds another size than the stored file's", "monitor.1"),
        ("archive-logs-errors", "each archive is stored, and an error is logged", "monitor.1"),
        ("place-without-root", "the document's path is one that the worker cannot read", "rollout.3"),
        ("copy-left-outside", "a copy of each archive is left beside the storage", "rollout.3"),
        ("previous-alone-lost", "an older archive that comes without a log is not kept", "rollout.3"),
        ("owners-mixed", "of uploads at the same moment each is recorded as the newest one's", "rollout.3"),
        (
            "times-not-measured",
            "every service: operations are counted, and take no time by the metrics",
            "monitor.1 21_01a.monitor.1 21_01b.monitor.1 21_01d.monitor.1",
        ),
        (
            "requests-leave-files",
            "every service: each request of a user leaves files open",
            "monitor.1 21_01a.monitor.1 21_01b.monitor.1 21_01d.monitor.1",
        ),
        (
            "requests-leave-threads",
            "every service: each request of a user leaves threads",
            "monitor.1 21_01a.monitor.1 21_01b.monitor.1 21_01d.monitor.1",
        ),
        (
            "requests-keep-memory",
            "every service: each request of a user keeps memory",
            "monitor.1 21_01a.monitor.1 21_01b.monitor.1 21_01d.monitor.1",
        ),
        *(
            (
                f"log-{name}",
                f"every service: where a flag is on, {breaks}",
                "monitor.2 21_01a.monitor.2 21_01b.monitor.1 21_01d.monitor.1",
                *needs,
            )
            for name, breaks, *needs in (
                ("times-of-another-zone", "the log's times are three hours later"),
                ("one-trace-id", "all log lines have the same trace id", "trace ids"),
                ("lines-twice", "each log line is written twice", "trace ids"),
            )
        ),
        ("long-ids-cut", "students whose ids begin with the same 32 characters share a place", "security.2"),
        ("long-names-cut", "of a file's name 32 characters are recorded", "rollout.3"),
        ("bytes-not-counted", "the bytes of old_zip and logs_zip are not counted", "monitor.1"),
        (
            "same-student-mixed",
            "a student's upload while another of that student is kept is answered with that one's task, and not kept",
            "rollout.3",
        ),
        ("many-members-refused", "an archive of more than 100 files is refused", "rollout.3"),
        ("uploads-one-at-a-time", "an upload waits until the one before it is answered, however slow", "rollout.3"),
        ("silent-clients-cut-off", "a client may be silent for a second, not for thirty", "rollout.3"),
        ("same-file-shared", "who sends the file that another sent is answered with that one's task", "rollout.3"),
        ("task-ids-in-a-row", "a task's id is the time of its upload", "rollout.3"),
        ("answers-cacheable", "a review's state may be kept by any cache for an hour", "rollout.3"),
        (
            "broken-off-left",
            "what was received of an upload that its client broke off stays in .incoming",
            "security.1",
        ),
        ("times-without-zone", "a review's created_at is told without its zone", "rollout.3"),
        ("storage-opened", "the new adapter opens the archives' folder to everybody", "preflight.1"),
        ("answer-remembered", "a review is told for ever as it stood when it was first asked for", "rollout.3"),
        ("old-tasks-forgotten", "tasks of before the process started are answered with 404", "rollout.3"),
        ("refused-recorded", "what is refused is queued for review all the same", "security.1 security.2"),
        ("refused-kept-late", "of what is refused a file is kept, half a second after the answer", "security.1"),
        ("limit-missing", "a file of any size is accepted", "security.3"),
        ("flag-ignored", "the process reads the flag and keeps the old path", "rollout.2 rollout.3"),
        ("metadata-not-written", "the archive is stored, its review_archives document is not", "rollout.3"),
        ("wrong-checksum-recorded", "the document holds another digest than the stored file's", "rollout.3"),
        (
            "errors-not-raised",
            "a write fails and is counted, the answer is 201 and no file is there",
            "rollout.3 monitor.1 exit.1 trigger.3",
        ),
        ("errors-not-counted", "refusals and write errors leave no trace in the metrics", "security.1 monitor.1"),
        ("writes-late", "keeping an archive takes 0.3 s more, well below the limit", "monitor.1 trigger.2"),
        ("slow-writes", "keeping an archive takes more than 2 s", "monitor.1 trigger.2 trigger.7"),
        (
            "restart-does-nothing",
            "the make targets succeed without restarting anything",
            "deploy.2 rollout.2 21_00.checklist.4 21_01a.deploy.3 21_01b.deploy.2 21_01d.deploy.2",
        ),
        (
            "restart-takes-others-along",
            "the make target of one service restarts all of them",
            "monitor.1 21_01a.monitor.1 21_01b.monitor.1 21_01d.monitor.1",
        ),
        (
            "old-code",
            "a process that starts runs the commit of the last deployment",
            "deploy.2 21_00.checklist.4 21_01a.deploy.2 21_01b.deploy.2 21_01d.deploy.2",
        ),
        ("service-does-not-come-back", "with the flag on, the process ends at its start", "rollout.2"),
        ("event-missing", "refusals are not logged", "security.2 security.1 security.3", "log events"),
        (
            "overwrite-other-student",
            "identifiers that collide when joined share a place: 1_2 + 3 and 1 + 2_3",
            "rollout.3 security.2",
        ),
        ("leaks-internals", "refusals name folders and carry a stack trace", "security.1 security.2"),
        ("refusal-without-detail", "refusals are plain text", "security.1 security.3"),
        ("long-ids-rounded", "an id of digits alone is read as a number: of its digits 15 are kept", "security.2"),
        ("long-id-half-kept", "an id of 21 digits is answered 500 after its archive was written", "security.2"),
        ("old-path-other-student", "with the flag off, an upload's answer names another student", "rollout.1"),
        ("old-path-first-file-only", "with the flag off, the second and third file are not stored", "rollout.1"),
        ("av-not-scanned", "scanning is switched on, and not done", "preflight.3"),
        ("av-one-at-a-time", "what comes while another file is scanned is not scanned", "preflight.3"),
        ("left-over-incoming", "what was refused stays in .incoming", "security.1 security.2"),
        ("health-lies", "/health stays green when MongoDB or the storage is gone", "rollout.2"),
        (
            "write-errors",
            "every third archive fails with 500 and is counted as disk_full",
            "rollout.3 security.2 monitor.1 exit.1 post24.monitoring.3",
        ),
        ("wrong-size-recorded", "the document holds another size than the stored file's", "rollout.3"),
        ("digest-not-required", "an upload without a digest is accepted where one is required", "security.1 exit.2"),
        ("cut-form-accepted", "a form that ends before its end is taken as it is", "security.3"),
        (
            "late-write-outside",
            "what is refused is put outside the storage root with a good upload that comes seconds later",
            "security.2",
        ),
        ("writes-outside", "every upload adds a line to a file outside the storage root", "security.2"),
        (
            "archive-not-kept",
            "an archive is answered 201, recorded and counted, and no file is there",
            "rollout.3 monitor.1",
        ),
        ("refuses-good-archives", "every 12th digest that is right is refused as wrong", "monitor.1 trigger.3"),
        (
            "write-errors-seldom",
            "every 51st archive fails with 500, counted as an error that the label standard does not know: "
            "under every trigger's threshold",
            "monitor.1 exit.1",
        ),
        (
            "disk-gone",
            "the storage is read-only: every archive fails with 500, on the old path too",
            "rollout.1 rollout.3 exit.1 21_00.checklist.2 21_00.checklist.5",
        ),
    )
)

# What shows only once a flag is off again; the fault must be on before the flag is.
ROLLBACK_FAULTS: tuple[Fault, ...] = tuple(
    Fault(name, stage, breaks, (f"{stage}.rollout.1",))
    for name, stage, breaks in (
        ("way-back-ignored-butler-api", "21_01c", "the new path stays, with the flag off and a new process"),
        ("way-back-ignored-butler-bot", "21_01a", "the new path stays, with the flag off and a new process"),
        ("way-back-ignored-butler-worker", "21_01b", "the new path stays, with the flag off and a new process"),
        ("rollback-breaks-uploads", "21_01c", "after a rollback, every upload is answered 500"),
        ("rollback-loses-tasks", "21_01c", "after a rollback, tasks of before are answered 404"),
        ("rollback-loses-archives", "21_01c", "after a rollback, the archives of the new path are not at their places"),
        ("rollback-refuses-large", "21_01c", "after a rollback, files over 1 MiB are refused"),
        ("rollback-opens-storage", "21_01c", "after a rollback, everybody may enter the archives' folder"),
        ("rollback-counts-steps-anew", "21_01a", "after a rollback, steps of conversations of before are counted anew"),
        ("rollback-forgets-conversations", "21_01a", "after a rollback, replies know nothing of what was said before"),
        ("rollback-loses-conversations", "21_01a", "after a rollback, conversations of before are answered 503"),
    )
)

# The services' own catalogues: module and the tuples in it. A module imports Fault from here, so it is read late.
_ELSEWHERE = {
    "lab.access": ("ACCESS_FAULTS", "ODD_FAULTS"),
    "lab.bot.faults": ("DIALOG_FAULTS", "TELEGRAM_FAULTS"),
    "lab.worker.faults": ("HOMEWORK_FAULTS", "USE_CASE_FAULTS"),
    "lab.standins.faults": ("PLATFORM_FAULTS",),
}


def catalogue() -> tuple[Fault, ...]:
    """Give every known fault, in the order of the stages."""
    return (*STORAGE_FAULTS, *ROLLBACK_FAULTS, *_of_other_services())


def _of_other_services() -> Iterator[Fault]:
    for module, names in _ELSEWHERE.items():
        for name in names:
            yield from getattr(importlib.import_module(module), name)


def switch(home: Path, name: str, on: bool) -> None:
    """Turn a fault on or off in the running lab at `home`.

    Raises:
        ValueError: there is no such fault, or no lab at `home`.
    """
    known = {fault.name for fault in catalogue()}
    if name not in known:
        raise ValueError(f"unknown fault {name!r}; `python -m lab faults` lists the {len(known)} known ones")
    folder = home / "faults"
    if not folder.is_dir():
        raise ValueError(f"expected a lab's folder with faults/ in it, found {home}; start one with `lab serve`")
    if on:
        (folder / name).touch()
    else:
        (folder / name).unlink(missing_ok=True)
