"""Make what students submit: good code, with a log of some kind or without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from acceptance.probes.archives.archives import Archive, good, new_nonce, project, zip_bytes
from acceptance.probes.storage.uploads import Upload, file_part

LOG, CLEAN_LOG, ODD_LOG, NO_LOG = "a log", "a log without errors", "an odd log", "no log"
RAW_LOG = "a log that is no text"
PROJECT = "no log, and a project of many files"
LEFT_OPEN = (RAW_LOG, PROJECT)
"""What the old path makes of these is left open, also whether it takes them."""
FOLDER = ("logs/", b"")
"""As a zip of a folder begins; in two works, so that one who reads no further says the same of both."""
CRASH = b"".join(
    line * 2**power
    for lines in (
        (
            b"12:00:05 CRITICAL out of memory\n",
            b"12:00:05 FATAL giving up\n",
            b"12:00:05 error in small letters\n",
            b'Traceback (most recent call last):\n  File "main.py", line 3, in <module>\n',
            b"ValueError: 1 / 0\n",
        ),
        (b"12:00:05 WARN once more\n", b"12:00:05 warning in small letters\n"),
    )
    for power, line in enumerate(lines)
)
"""What is an error, or a warning, though the word is another.

Each rule by which a path counts has lines of its own, and so many that two rules that changed do not make up for each
other.
"""
WORKS: Mapping[str, Sequence[tuple[str, bytes]]] = {
    LOG: [("test.log", b"12:00:00 INFO the tests begin\n12:00:01 WARNING slow disk\n12:00:02 ERROR test_sum failed\n")],
    ODD_LOG: [
        ("run/1.log", "12:00:00 INFO старт 🏮\r\n12:00:01 ERROR ошибка\r\n".encode()),
        ("run/отчёт №2.log", "12:00:02 WARNING медленно\n12:00:03 ERROR сбой\n12:00:04 ERROR сбой".encode("cp1251")),
        ("run/empty.log", b""),
        ("crash.log", CRASH),
        ("long.log", b"12:00:05 INFO " + b"x" * 70_000 + b"\n12:00:06 WARNING the end\n"),
    ],
    CLEAN_LOG: [FOLDER, ("test.log", b"12:00:00 INFO the tests begin\n12:00:09 INFO all tests passed\n")],
    RAW_LOG: [
        FOLDER,
        ("core.log", b"12:00:00 ERROR\0\0\x01\xff\xfe" + bytes(range(256)) + b"\n12:00:01 WARNING \0\r\n"),
        ("many.log", b"12:00:02 INFO a line of many\n" * 12_000 + b"12:00:03 ERROR the last\n"),
    ],
    NO_LOG: [],
    PROJECT: [],
}
"""What students send beside their code: the files of their log."""


def submission(student_id: str, assignment_id: str, work: str = LOG) -> Upload:
    """Make a good homework with one of the logs, so that there is something to analyse; or without one."""
    if not WORKS[work]:
        return Upload(student_id, assignment_id, project() if work == PROJECT else good())
    nonce = new_nonce()
    logs = Archive.of("logs", zip_bytes(nonce, WORKS[work]), f"a zip with {work}", nonce)
    return Upload(student_id, assignment_id, good(), extra=(file_part(b"logs_zip", logs, "logs.zip"),))
