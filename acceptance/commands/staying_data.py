"""Name a test user whose data stay after a command; the next run, or `recover.py`, removes them.

The checklist's next lines look at what a command has made, so it cannot clean up itself. The name is the command's own:
a service that keeps one archive for a student and an assignment would overwrite somebody's.
"""

from __future__ import annotations

import re

from acceptance.conduct.recovery import leave_data
from acceptance.conduct.testdata import ID_DIGITS, new_prefix
from acceptance.target import by_hand
from acceptance.target.model import Target
from acceptance.verdict import Refused

_OURS = re.compile(rf"ops[0-9a-f]{{8}}-|9\d{{{9 + ID_DIGITS}}}$")


def own_user(target: Target, name: str) -> str:
    """Make a test user's id that ends with a name; an id that an earlier command made is given back unchanged.

    Raises:
        Refused: Nothing may be written, another run holds the target, or ids are digits and the name is none.
    """
    if not target.allow_mutations:
        raise Refused(f"{target.source}: expected ALLOW_MUTATIONS=true, since this leaves test data; nothing was sent")
    if target.student_ids == "numeric" and not name.isdigit():
        raise Refused(f"{name}: expected digits, as STUDENT_IDS or DIALOG of {target.source} says")
    if _OURS.match(name):
        return name
    prefix = new_prefix(target.student_ids)
    leave_data(target, prefix)
    return f"{prefix}{name[:ID_DIGITS]:0>{ID_DIGITS}}" if target.student_ids == "numeric" else f"{prefix}-{name}"


def until_removed(target: Target) -> str:
    """Say how long what the command leaves stays."""
    return f"it stays until the next run, or: {by_hand.recover(target.source)}"
