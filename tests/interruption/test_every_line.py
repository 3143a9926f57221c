"""There is no moment, between journal and write, write and restart, or within them, at which a kill is not undone.

A run is killed at every line of the core that it executes, in a process of its own; then the next start recovers.
"""

import tempfile
from pathlib import Path

import pytest

from interruption.small_world import World, killed_at, moments, stand_in


@pytest.fixture
def world(monkeypatch):
    """In memory where that is possible: a kill, unlike a power loss, does not ask how fast a disk syncs."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        made = World(Path(folder))
        stand_in(made, monkeypatch)
        made.reset()
        yield made


def kill_everywhere(world, act, prepare, kept_allowed=False):
    prepare()
    places = moments(act)
    faults, killed = [], 0
    for moment in places:
        prepare()
        killed += killed_at(act, moment)
        world.recovery()
        faults += [f"killed at {moment}: {fault}" for fault in world.faults(kept_allowed)]
    return places, killed, faults


def test_rehearsal_killed_at_any_line_is_undone(world):
    places, killed, faults = kill_everywhere(world, world.rehearsal, world.reset)
    assert faults == []
    assert killed > 0.9 * len(places) > 200, (killed, len(places))


def test_deployment_killed_at_any_line_is_undone_or_kept_as_a_whole(world):
    _, killed, faults = kill_everywhere(world, world.deployment, world.reset, kept_allowed=True)
    assert faults == []
    assert killed > 200


def test_recovery_killed_at_any_line_is_finished_by_the_next(world):
    def crashed():
        world.reset()
        assert killed_at(world.rehearsal, crash)

    world.reset()
    here = [each for each in moments(world.rehearsal) if each[0] == "small_world"]
    crash = next(each for each in here if "if accept:" in _line(each))
    _, killed, faults = kill_everywhere(world, world.recovery, crashed)
    assert faults == []
    assert killed > 100


def _line(moment):
    import interruption.small_world as module

    return Path(module.__file__).read_text().splitlines()[moment[1] - 1]
