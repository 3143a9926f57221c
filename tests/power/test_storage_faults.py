"""Each seeded fault of stage 21_01c turns its own check red, and the stage ends rolled back.

The catalogue of faults is ``python -m lab faults``. What must be the first to be not good is said here; where a trigger
and a check may see the same damage first, both are named.
"""

from pathlib import Path

import pytest

from lab.faults import STORAGE_FAULTS
from power.table import Power, assert_noticed

TAMPERED = "test_tampered_archive_is_refused[tampered-start]"
ATTACK = "test_attack_is_blocked[{}]"
COLLIDING = "test_another_archive_is_not_overwritten[ids-equal-when-joined]"
FIRST_ATTACK = ATTACK.format("student_id-dotdot-alone")

POWER = (
    Power(("checksum-not-verified",), (TAMPERED,), "expected a 4xx"),
    Power(("checksum-not-enforced",), (TAMPERED,), "expected a 4xx"),
    Power(("event-missing",), (TAMPERED,), "expected the log event checksum_failed"),
    Power(("leaks-internals",), (TAMPERED,), "the refusal tells"),
    Power(("left-over-incoming",), (TAMPERED,), "kept in the storage"),
    Power(("traversal-student-id",), (FIRST_ATTACK,), "wrote outside the storage root"),
    Power(("answer-400-after-write",), (FIRST_ATTACK,), "wrote outside the storage root"),
    Power(("traversal-assignment-id",), (ATTACK.format("assignment_id-dotdot-alone"),), "expected a refusal"),
    Power(("traversal-file-name",), (ATTACK.format("new_zip-dotdot-once"),), "expected a refusal"),
    Power(("traversal-member",), (ATTACK.format("zip-dotdot-once"),), "expected a refusal"),
    Power(
        ("overwrite-other-student",),
        (COLLIDING,),
        "found 0 of it",
        unseen=frozenset({"21_01c.rollout.3"}),
    ),
    Power(
        ("limit-off-by-one",),
        ("test_archive_up_to_the_limit_is_accepted[exactly]",),
        "found 413 and 0",
    ),
    Power(("limit-accepts-one-more",), ("test_oversized_archive_is_refused[limit+1-with-length]",), "expected 413"),
    Power(("limit-missing",), ("test_oversized_archive_is_refused[limit+1-with-length]",), "expected 413"),
    Power(("av-not-scanned",), ("test_virus_is_refused[eicar-in-zip]",), "expected a 4xx"),
    Power(("flag-ignored",), ("test_checksum_is_recorded",), "no document for"),
    Power(("metadata-not-written",), ("test_checksum_is_recorded",), "no document for"),
    Power(("wrong-checksum-recorded",), ("test_checksum_is_recorded",), "expected"),
    Power(("errors-not-raised",), ("test_file_is_saved", "trigger permission-errors"), "found"),
    Power(("errors-not-counted",), ("test_checksum_failures_are_counted",), "<= 0"),
    Power(("slow-writes",), ("trigger write-latency", "trigger new-alerts"), "found"),
    Power(("write-errors",), ("trigger permission-errors", FIRST_ATTACK), "", code=(1, 10)),
    Power(("disk-gone",), ("test_upload_lands_in_the_old_place",), "found 500"),
    # A green /health is believed by nobody: with the storage gone the stage is red all the same.
    Power(("health-lies", "disk-gone"), ("test_upload_lands_in_the_old_place",), "found 500"),
    Power(("service-does-not-come-back",), ("test_flag_change_restarted_the_service",), "expected"),
    # Nothing was switched, but the restart that was begun is still owed: the run says so, and the next one pays.
    Power(
        ("restart-does-nothing",),
        ("test_service_runs_the_deployed_code",),
        "newer than",
        code=(12,),
        settings={"RESTART_TIMEOUT_SECONDS": "4"},
    ),
    Power(
        ("flags-stuck-on",),
        ("test_new_storage_metrics_are_absent",),
        "review_archive_storage_",
        only=("flag_off",),
        restarts=True,
    ),
)


def test_every_fault_of_the_stage_is_tried() -> None:
    assert {name for power in POWER for name in power.faults} >= {fault.name for fault in STORAGE_FAULTS}


@pytest.mark.parametrize("power", POWER, ids=lambda power: "+".join(power.faults))
def test_fault_turns_its_check_red(power: Power, held_target: Path, tmp_path: Path) -> None:
    assert_noticed(power, held_target, tmp_path)
