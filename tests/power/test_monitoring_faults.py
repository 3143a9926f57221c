"""Monitoring that shows more or less than there is, or stands still, and a log that begins anew: none is believed."""

import os
import re
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
from dependencies.faulty import server
from held_lab import control, held_lab

from acceptance.observe.prometheus import Prometheus
from acceptance.polling import poll
from acceptance.target.loading import load_target
from lab.shape import VARIABLE
from power.table import INCONCLUSIVE, Means, Power, assert_noticed

pytestmark = pytest.mark.skipif(VARIABLE in os.environ, reason="its means know the checklist's jobs and addresses")
Settings = Iterator[dict[str, str]]
API, BOT = "butler-api", "butler-bot"
PROMETHEUS = "infra:prometheus"
SEEN_WITHIN_S = 20
LONG = {"SOAK_SECONDS": "60", "TRAFFIC_PER_MINUTE": "300"}
"""Longer than the watch may be blind."""
BLIND = ("trigger blind", "test_gate_holds[write-errors]")
"""The watch is told of its rollback, or the soak sees the flag restored before."""
UNLIMITED = resource.RLIM_INFINITY


def address(target_file: Path, job: str) -> str:
    """Give host and port of a service of the lab."""
    services = load_target(target_file).services.values()
    return next(each.url.removeprefix("http://") for each in services if each.job == job)


@contextmanager
def configured(target_file: Path, change: Callable[[str], str]) -> Iterator[None]:
    """Have the lab's Prometheus run with a changed configuration, and restore it."""
    config = target_file.parent / "infra" / "prometheus" / "prometheus.yml"
    before = config.read_text()

    def reload(text: str) -> None:
        config.write_text(text)
        httpx.post(f"{load_target(target_file).prometheus_url}/-/reload").raise_for_status()

    reload(change(before))
    try:
        yield
    finally:
        reload(before)


@contextmanager
def in_the_soak(target_file: Path, act: Callable[[], object]) -> Iterator[None]:
    """Do something once the uploads of a soak are well under way."""
    root, over, done = load_target(target_file).storage.root, threading.Event(), threading.Event()
    before = len(list(root.rglob("*.zip")))

    def wait() -> None:
        while not over.wait(0.1):
            if len(list(root.rglob("*.zip"))) > before + 20:
                act()
                done.set()
                return

    waiting = threading.Thread(target=wait)
    waiting.start()
    try:
        yield
    finally:
        over.set()
        waiting.join()
    assert done.is_set(), "there was no soak to disturb"


@contextmanager
def scraped_twice(target_file: Path) -> Settings:
    """The API stands in its job by two addresses."""
    own = address(target_file, API)
    port = own.rpartition(":")[2]
    with configured(target_file, lambda text: text.replace(f"'{own}'", f"'{own}', 'localhost:{port}'")):
        yield {}


@contextmanager
def job_removed(target_file: Path) -> Settings:
    """The API's job is taken out of Prometheus in the soak."""
    without = partial(re.sub, rf"- job_name: {API}\n(?:  .*\n)+", "")
    with ExitStack() as stack, in_the_soak(target_file, lambda: stack.enter_context(configured(target_file, without))):
        yield {}


@contextmanager
def disk_full(target_file: Path) -> Settings:
    """Prometheus can write no more from the soak on: it answers, with what it has."""
    process = int(control(target_file, "pid", PROMETHEUS))
    limit = partial(resource.prlimit, process, resource.RLIMIT_FSIZE)
    try:
        with in_the_soak(target_file, lambda: limit((0, UNLIMITED))):
            yield {}
        assert int(control(target_file, "pid", PROMETHEUS)) == process
    finally:
        control(target_file, "restart", PROMETHEUS)
        up = partial(Prometheus(load_target(target_file).prometheus_url).is_up, API)
        assert poll(lambda: is_seen(up), bool, SEEN_WITHIN_S)


def is_seen(up: Callable[[], bool]) -> bool:
    try:
        return up()
    except Exception:  # it is still starting
        return False


def born(metrics: str) -> list[str]:
    """Give the line that tells which process it is."""
    return [line for line in metrics.splitlines() if line.startswith("process_start_time_seconds ")]


@contextmanager
def frozen(target_file: Path, job: str) -> Iterator[threading.Event]:
    """Have Prometheus scrape a service by way of a cache: once this event is set, a process shows the same for ever."""
    stands, own, held = threading.Event(), address(target_file, job), list[str]()

    def answer(path: str) -> tuple[int, str, bytes]:
        try:
            now = httpx.get(f"http://{own}{path}").raise_for_status().text
        except httpx.HTTPError:  # it restarts
            return 503, "text/plain", b""
        if not (stands.is_set() and held and born(held[0]) == born(now)):
            held[:] = [now]
        return 200, "text/plain", held[0].encode()

    with ExitStack() as stack:
        cache = stack.enter_context(server(answer)).removeprefix("http://")
        stack.enter_context(configured(target_file, lambda text: text.replace(f"'{own}'", f"'{cache}'")))
        assert poll(lambda: held, bool, SEEN_WITHIN_S)
        yield stands


@contextmanager
def frozen_in_the_soak(target_file: Path) -> Settings:
    """The API's metrics stand still from the soak on."""
    with frozen(target_file, API) as stands, in_the_soak(target_file, stands.set):
        yield {}


@contextmanager
def frozen_before(target_file: Path) -> Settings:
    """The bot's metrics stand still."""
    with frozen(target_file, BOT) as stands:
        stands.set()
        yield {}


@contextmanager
def log_anew(target_file: Path) -> Settings:
    """A restart gives each service a new log, as it does to a container that is made anew."""
    target = load_target(target_file)
    logs = [service.logs.removeprefix("file://") for service in target.services.values()]
    script = target_file.with_name("restart_all.sh")
    script.write_text("".join(f": > {log}\n" for log in logs) + f"exec {target.restart_all}\n")
    yield {"RESTART_ALL": f"sh {script}"}


Soak = partial(Power, (), only=("soak",))
POWER = (
    Power(
        (),
        ("test_stage_can_be_switched_and_watched",),
        "one process scraped as",
        INCONCLUSIVE,
        by=Means("twice", scraped_twice),
        shows='process_start_time_seconds{instance=~"localhost:.*"}',
    ),
    Soak(
        ("test_gate_holds[write-errors]",),
        "metrics stand still",
        INCONCLUSIVE,
        by=Means("frozen-in-the-soak", frozen_in_the_soak),
    ),
    Soak(BLIND, "no evaluation on fresh data for 30 s", INCONCLUSIVE, LONG, by=Means("job-removed", job_removed)),
    Soak(BLIND, "no evaluation on fresh data for 30 s", INCONCLUSIVE, LONG, by=Means("disk-full", disk_full)),
    Power(
        (),
        ("test_baseline_is_collected",),
        "while we sent",
        INCONCLUSIVE,
        stage="21_00",
        only=("preflight",),
        k="baseline",
        by=Means("frozen", frozen_before),
    ),
    Power(
        ("errors-after-restart",),
        ("test_no_error_spike_in_logs[bot]",),
        "too little to compare with",
        also=("test_no_error_spike_in_logs[worker]", "test_no_error_spike_in_logs[api]"),
        stage="21_00",
        only=("deploy", "exit_gate"),
        settings={"SOAK_SECONDS": "50"},  # its fifth is the time in which errors are counted
        by=Means("log-anew", log_anew),
    ),
)


@pytest.fixture(scope="module")
def target_file() -> Iterator[Path]:
    """A lab of its own: its Prometheus is disturbed."""
    with held_lab() as lab:
        yield lab


@pytest.mark.parametrize("power", POWER, ids=str)
def test_what_monitoring_does_not_show_is_no_good_news(power: Power, target_file: Path, tmp_path: Path) -> None:
    assert_noticed(power, target_file, tmp_path)
