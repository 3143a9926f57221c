"""Hold names, messages and pages to the glossary: one word for one thing (`docs/glossary.md`)."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = ["acceptance", "fixtures", "ops_tests", "scripts", "lab", "targets", "tests", "docs"]
PLACES += ["README.md", "CHANGELOG.md"]

WORDS = {
    r"promis(e|es|ed|ing)": "intent, to journal",
    r"shots?": "attack, synthetic traffic",
    r"(puts?|sets?|takes?|taken|took)[ _]((it|them|flags|(a|the|its|every) flag) )?back": "restore, roll back, undo",
    r"way_?back|ways back": "rollback, undo",
    r"guardians?": "watchdog",
    r"unseen|could[ _]not[ _]see|blind spots?|no sight": "no data",
    r"drawn|draw (it|the page|the record|a record)": "rendered",
    r"quiet": "blind; not fired",
    r"amiss|astray|strayed|complaints?|complains?": "finding",
    r"own[ _]events": "synthetic events",
    r"least to greatest": "min-max",
    r"(a|one|each|every|first|last|next|two|this|gate) looks?": "evaluation",
    r"kept[ _]on|flag[ _]((is|was)[ _])?kept|kept[ _]flag": "left enabled",
    r"seen[ _]to[ _]be": "verified",
    r"hindsight|loose_? ?ends|doings|crowd\w*|landings?": "a plain name",
}
"""What is not said -> what is said."""
MEANT = {
    ("", "conduct.guardian"),  # processes are found by it
    ("tests", "test_guardian.py"),
    ("tests/mutants", "draw"),  # a sample
    ("acceptance/backup/mongodump.py", "--quiet"),
    ("docs/contributing.md", "two quiet cores"),
    ("docs/operating.md", "a look at the file"),
    ("tests/removals/copied.py", "quiet=2"),
    ("CHANGELOG.md", "`own_events`"),
    ("CHANGELOG.md", "where they said `"),
}
"""Where one of them means another thing: (file, the words around it)."""


def texts():
    """Give path and text of every file that somebody reads."""
    listed = subprocess.run(["git", "ls-files", "-z", *PLACES], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (
            name != "tests/unit/test_words.py"
            and not name.endswith((".tsv", ".json", ".css"))
            and (ROOT / name).is_file()
        ):
            yield name, (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(("pattern", "instead"), WORDS.items(), ids=WORDS.values())
def test_one_word_for_one_thing(pattern, instead):
    word = re.compile(rf"(?<![A-Za-z])({pattern})(?![A-Za-z])", re.IGNORECASE)
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if word.search(line) and not any(name.startswith(file) and meant in line for file, meant in MEANT)
    ]
    assert found == [], f"{len(found)} lines; say instead: {instead}\n" + "\n".join(found)
