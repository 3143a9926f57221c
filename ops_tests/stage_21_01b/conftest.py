"""What the checks of stage 21_01b share: the worker's homework calls, the HW checker behind them, and the soak."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from acceptance.finding import Finding
from acceptance.probes.homework.hw_checker import RESCHEDULE, HwCheckerDown
from acceptance.probes.homework.lists import Lists, lists
from acceptance.probes.homework.traffic import HomeworkTraffic
from acceptance.probes.http.exchange import Exchange
from acceptance.stages.soak import SoakReport
from acceptance.stages.user_triggers import HardFault
from acceptance.verdict import Inconclusive
from fixtures.given import Before, Found, Homework, HwChecker, StageWork, Target

ListThem = Callable[[], Lists]

LISTS = Found[Lists]("lists")
REVIEW_REQUEST = Found[Exchange]("review request")

# A busy checker may show one late; a list may meet a restart of the network once or twice.
MISSING = HardFault("submissions-missing", "Accepted reviews do not appear at the HW checker", ["trigger.6"], limit=1)
BAD_LISTS = HardFault("bad-lists", "Lists lack commits that the HW checker has", ["trigger.6"], limit=2)


@pytest.fixture(scope="session")
def student(target: Target) -> str:
    """A student whose commits the HW checker knows."""
    return target.known.student


@pytest.fixture(scope="module")
def list_them(homework: Homework, checker: HwChecker, target: Target) -> ListThem:
    """Lists a few students' commits by the path that is at work."""
    known = target.known
    return lambda: lists(homework, checker, [known.student, known.student_flag_on])


@pytest.fixture(scope="module")
def listed(list_them: ListThem) -> Lists:
    """Lists of a few students, by the path that is at work."""
    return list_them()


@contextmanager
def dependency() -> Iterator[None]:
    """Say what is to be done about an HW checker that is down."""
    try:
        yield
    except HwCheckerDown as error:
        raise Inconclusive(f"{RESCHEDULE}{error}") from error


@pytest.fixture(scope="module")
def soaked(
    flag_on: object, stage_work: StageWork, homework: Homework, checker: HwChecker, before: Before
) -> SoakReport:
    """The stage after its full soak, with a list or a review request at a time."""
    target, forms = stage_work.target, [form for lists in before.all(LISTS) for form in lists.forms]
    with dependency():
        traffic = HomeworkTraffic(homework, checker, target.known.soak_students, target.http_timeout_s, forms)

    def one_request() -> list[Finding]:
        with dependency():
            found = traffic.send()
        MISSING.check(stage_work, traffic.missing, found)
        BAD_LISTS.check(stage_work, traffic.bad_lists, found)
        return found

    return stage_work.soak(one_request)
