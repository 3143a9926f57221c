"""What the checks of stage 21_01c share: the stage's traffic, its soak, and the one run of the attack corpus."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from acceptance.baseline.response_times import REQUESTS
from acceptance.envfile.file import EnvFile
from acceptance.evidence import Evidence
from acceptance.finding import Finding, Severity, as_evidence
from acceptance.observe.collections import of_prefix
from acceptance.observe.exported import await_scrape
from acceptance.observe.store import Document
from acceptance.polling import poll
from acceptance.probes.archives.archives import Archive, good, of_exact_size, slowly
from acceptance.probes.attacks.access import HIDDEN, Door, told_by
from acceptance.probes.attacks.attacks import Attacks, attack
from acceptance.probes.attacks.corpus import cases_to_send
from acceptance.probes.homework.worker import LIST_PATH
from acceptance.probes.http.client import Called, brief
from acceptance.probes.http.exchange import Exchange
from acceptance.probes.reviews.result import Review
from acceptance.probes.storage.kept_archives import KeptArchives
from acceptance.probes.storage.oracle import Submission
from acceptance.probes.storage.refused import RefusedUpload, RefusedUploads
from acceptance.probes.storage.rejection import ANY, try_upload
from acceptance.probes.storage.snapshot import Tree
from acceptance.probes.storage.uploads import OF_ARCHIVE, REVIEWS_PATH, Upload, digest_of, upload_in
from acceptance.probes.user_path import REVIEW_S
from acceptance.stages.soak import SoakReport, Traffic
from acceptance.stages.user_triggers import HardFault
from acceptance.verdict import NotApplicable
from fixtures.given import (
    Butler,
    Caller,
    Clients,
    EvidenceBox,
    Found,
    Logs,
    NewId,
    Reviews,
    Run,
    StageWork,
    Storage,
    Store,
    Target,
    Timed,
    Uploader,
)

Sent = tuple[Submission, str]
Answered = tuple[Submission, Called]
OtherNames = Callable[[str], list[str]]
DoorToATask = Callable[[Mapping[str, str]], Door]
Unaccepted = Callable[[list[Finding]], list[Finding]]

TASK = Found[dict[str, Any]]("task")
OTHER_NAMES = Found[str]("other names")
LEFT_OUTSIDE = Found[Path]("left outside")
REVIEWS = Found[Review]("reviews")
SLOW_SIZE, SILENT_S = 256 << 10, 2.0
"""Bytes of an upload over a slow line, and seconds of silence in it: less than any server should need to give up."""
BESIDE = 8
"""Uploads at once in the silence: of several processes each is most likely asked, the one that waits among them."""

NOT_STORED = HardFault("not-stored", "An accepted archive is not on disk", ["trigger.3"], limit=0)
ARCHIVE_LOST = HardFault("archive-lost", "An archive stored before is gone or changed", ["trigger.3"], limit=0)
NOT_ACCEPTED = HardFault("not-accepted", "Good archives are not accepted", ["trigger.6"], limit=2)


@dataclass(frozen=True)
class SlowLine:
    """A submission whose client fell silent, its answer, and the most seconds that another's took in the silence."""

    submission: Submission
    answer: Called
    beside_s: float

    @property
    def held_up(self) -> bool:
        """Whether one of the others was answered about when the silence was over, and not before."""
        return self.beside_s > 0.9 * SILENT_S


SLOW_LINE = Found[SlowLine]("slow line")


@dataclass(frozen=True)
class Refuse:
    """Sends an upload that must be refused."""

    work: StageWork
    uploader: Uploader
    storage: Storage
    logs: Logs
    new_id: NewId
    evidence: EvidenceBox
    refused: RefusedUploads

    def __call__(
        self,
        archive: Archive,
        *,
        event: str | None,
        status: int | None = None,
        declared_sha256: str | None = OF_ARCHIVE,
        field: str = "new_zip",
        left_out: str = "",
        sent_at_most: int | None = None,
        content_length: int | None = None,
        chunked: bool = False,
    ) -> list[Finding]:
        """Name what is wrong with the refusal; nothing when it is proper."""
        seen = self.storage.passes_proxy(archive.size)
        event = event if seen else None
        # Before it is sent, so that the watch does not take it for a student's.
        if event is None or event == ANY:
            self.work.synthetic.allow("checksum_failed")
        else:
            self.work.synthetic.expect(event)
        student = self.new_id("refuse")
        upload = replace(upload_in(field, student, archive, declared_sha256), left_out=left_out)
        broken = nullcontext() if content_length is None else self.work.breaking_http()
        with self.work.synthetic.attacking(1), broken:
            refusal = try_upload(
                self.uploader,
                upload,
                self.storage.root,
                self.logs,
                event=event,
                content_length=content_length,
                chunked=chunked,
                by_service=seen,
                before=self.refused.latest or self.refused.before,
            )
            self.refused.latest = refusal.after
        self.evidence.add(Evidence("http", archive.description, refusal.exchange.as_json()))
        if refusal.exchange.refused:
            self.refused.uploads.append(RefusedUpload(student, archive, digest_of(archive, declared_sha256)))
        return refusal.findings(event, status, sent_at_most)


@pytest.fixture(scope="session")
def kept(storage: Storage) -> KeptArchives:
    """The archives that this stage has stored, to be read again."""
    return KeptArchives(storage.root)


@pytest.fixture(scope="session")
def soak_uploads() -> list[Sent]:
    """Each submission that the soak had accepted, and its task's id."""
    return []


@pytest.fixture(scope="module")
def soak_times() -> list[float]:
    """The seconds of each upload that the soak had accepted, in order."""
    return []


@pytest.fixture
def times_on(soaked: object, soak_times: list[float], time_requests: Timed) -> Sequence[float]:
    """The seconds of the soak's last uploads; of some that are sent now, where those are too few."""
    return soak_times[-REQUESTS:] if len(soak_times) >= REQUESTS else time_requests()


@pytest.fixture(scope="module")
def several(reviews: Reviews, clients: Clients, new_id: NewId, new_number: NewId, target: Target) -> list[Review]:
    """Submissions as users make them, kept by the path that is at work, and what becomes of each."""
    return reviews.as_users_do(new_id, new_number, REVIEW_S, target.http_timeout_s, clients.caller("api"))


@pytest.fixture(scope="module")
def submitted(flag_on: object, uploader: Uploader, new_id: NewId) -> Answered:
    """One submission with all the files that a student may send, and its answer."""
    submission = Submission.of(new_id("Files"), "hw02", good(), good(), good())
    return submission, uploader.read(uploader.send(submission.upload()))


@pytest.fixture(scope="module")
def try_slow_line(uploader: Uploader, new_id: NewId) -> Callable[[], SlowLine]:
    """Sends a submission whose client falls silent half-way through, to the path that is at work."""

    def sent() -> SlowLine:
        silent = Event()
        archive = slowly(of_exact_size(SLOW_SIZE), SILENT_S, silent)
        submission = Submission.of_one(new_id("Slow"), "hw02", archive)
        others = [Upload(new_id("Beside"), "hw02", good()) for _ in range(BESIDE)]
        with ThreadPoolExecutor(1 + BESIDE) as pool:
            slow = pool.submit(uploader.send, submission.upload())
            silent.wait(SILENT_S)  # it may be refused before
            beside_s = max(each.elapsed_s for each in pool.map(uploader.send, others))
        return SlowLine(submission, uploader.read(slow.result()), beside_s)

    return sent


@pytest.fixture(scope="module")
def slow_line(try_slow_line: Callable[[], SlowLine]) -> SlowLine:
    """Such a submission, and what was answered."""
    return try_slow_line()


@pytest.fixture
def other_names(clients: Clients) -> OtherNames:
    """Gives the names, besides its own id, by which a task is told."""
    api = clients.caller("api")
    return lambda task_id: told_by(lambda name: api.get(f"{REVIEWS_PATH}/{name}").get("task_id"), task_id)


@pytest.fixture(scope="module")
def student_upload(
    uploader: Uploader,
    stage_work: StageWork,
    kept: KeptArchives,
    new_id: NewId,
    soak_uploads: list[Sent],
    soak_times: list[float],
) -> Traffic:
    """One good homework upload, and one of the earlier archives read again; what a user would lose ends the stage."""
    refused = 0

    def send() -> list[Finding]:
        nonlocal refused
        archive = good()
        submission = Submission.of_one(new_id("Soak"), "hw02", archive)
        answer = uploader.send(submission.upload())
        refused = 0 if answer.status == httpx.codes.CREATED else refused + 1
        found = [Finding("not accepted", archive.description, "201", brief(answer))] if refused else []
        NOT_ACCEPTED.check(stage_work, refused, found)
        if found:
            return found
        soak_times.append(answer.elapsed_s)
        told = uploader.read(answer)
        soak_uploads.append((submission, str(told.get("task_id"))))
        stored, lost = kept.keep(archive), kept.lost_next()
        NOT_STORED.check(stage_work, len(stored), stored)
        ARCHIVE_LOST.check(stage_work, len(lost), lost)
        return submission.answer_findings(told, httpx.codes.CREATED, datetime.now(UTC))

    return send


@pytest.fixture
def stored_of_run(mongo: Store, run: Run) -> list[Document]:
    """The documents of all archives that the new adapter has stored of this run."""
    return list(mongo["review_archives"].find(of_prefix("student_id", run.prefix)))


@pytest.fixture(scope="module")
def soaked(flag_on: object, stage_work: StageWork, student_upload: Traffic) -> SoakReport:
    """The stage after its full soak under traffic."""
    return stage_work.soak(student_upload)


@pytest.fixture(scope="session")
def attacked() -> list[Attacks]:
    """The corpus as it was run, once it was: what the attacks have done since is asked of it later."""
    return []


@pytest.fixture(scope="module")
def attacks(
    attacked: list[Attacks],
    flag_on: object,
    uploader: Uploader,
    storage: Storage,
    api_logs: Logs,
    mongo: Store,
    stage_work: StageWork,
    new_id: NewId,
) -> Attacks:
    """The corpus, or what of it the target file chooses, run once; each check then looks at its own case."""
    if attacked:
        return attacked[0]
    prefix, cases = stage_work.run.prefix, cases_to_send(storage.attacks)
    announce = partial(stage_work.conductor.expect_data, prefix)
    with own_errors(stage_work), stage_work.synthetic.attacking(len(cases)):
        made = attack(
            cases,
            uploader,
            storage,
            api_logs,
            attacker=new_id("attacker"),
            victim=new_id("victim"),
            prefix=prefix,
            announce=announce,
            mongo=mongo,
        )
    attacked.append(made)
    return made


@contextmanager
def own_errors(work: StageWork) -> Iterator[None]:
    """Take the failures that are counted meanwhile for our own, and exactly those once it is over.

    A service that lets attacks through may stumble over them. A trigger that then says "cannot be written" would hide
    what the attack's own check has to tell: what was written where. Where no scrape shows how many they were, all of
    the stage stay ours, and it is inconclusive.
    """
    ours = [trigger for trigger in work.stage.triggers if trigger.synthetic_events]
    before = {trigger.id: counted(work, trigger.query) for trigger in ours}
    for trigger in ours:
        work.synthetic.begin(trigger.synthetic_events)
    yield
    await_scrape(work.prometheus, work.service.job, work.target.scrape_patience_s)
    for trigger in ours:
        work.synthetic.end(trigger.synthetic_events, round(counted(work, trigger.query) - before[trigger.id]))


def counted(work: StageWork, query: str) -> float:
    """Sum what a query gives now, 0 where no series is there yet."""
    return sum(sample.value for sample in work.prometheus.instant(query.replace("$job", work.service.job)))


@pytest.fixture(scope="session")
def refused_uploads(storage: Storage) -> RefusedUploads:
    """The uploads that were refused; before the first of them, what is stored is noted."""
    return RefusedUploads(Tree.of([storage.root]))


@pytest.fixture
def refuse(
    stage_work: StageWork,
    uploader: Uploader,
    storage: Storage,
    api_logs: Logs,
    new_id: NewId,
    evidence: EvidenceBox,
    refused_uploads: RefusedUploads,
) -> Refuse:
    """Sends an upload that must be refused; gives what is wrong with the refusal, nothing when it is proper."""
    return Refuse(stage_work, uploader, storage, api_logs, new_id, evidence, refused_uploads)


@pytest.fixture
def joint(target: Target) -> str:
    """What two ids may be joined by: where a student's may be digits only, `12` + `3` and `1` + `23` collide."""
    return "" if target.student_ids == "numeric" else "_"


@pytest.fixture
def door_to_a_task(clients: Clients, target: Target, uploader: Uploader, new_id: NewId) -> DoorToATask:
    """Uploads with a login, and leads to the new task."""

    def made(login: Mapping[str, str]) -> Door:
        told = uploader.read(replace(uploader, headers=login).send(Upload(new_id("owner"), "hw02", good())))
        path = f"{uploader.path}/{told.get('task_id')}"
        return Door(
            "api: a task",
            lambda by: replace(clients.caller("api"), headers=by).get(path).exchange,
            login,
            HIDDEN,
            target.service("api").authentication,
        )

    return made


@pytest.fixture
def doors(
    clients: Clients, target: Target, uploader: Uploader, new_id: NewId, door_to_a_task: DoorToATask
) -> list[Door]:
    """A call to each service that does something, and one that only asks."""

    def upload(by: Caller) -> Exchange:
        return replace(uploader, headers=by.headers).send(Upload(new_id("stranger"), "hw02", good()))

    asked: dict[str, tuple[str, Callable[[Caller], Exchange]]] = {
        "api": ("an upload", upload),
        "worker": ("a list", lambda by: by.get(LIST_PATH, student_id=target.known.student, days=7).exchange),
        "bot": ("a message", lambda by: Butler(by).say(new_id("stranger"), "Hello").exchange),
    }

    def door(key: str, name: str, call: Callable[[Caller], Exchange]) -> Door:
        caller, service = clients.caller(key), target.service(key)
        login, stated = service.headers, service.authentication
        return Door(f"{key}: {name}", lambda by: call(replace(caller, headers=by)), login, stated=stated)

    in_telegram = {"bot"} if target.telegram else set()  # no call of its own: Telegram says who writes
    called = [door(key, *asked[key]) for key in target.services if key not in in_telegram]
    return [*called, door_to_a_task(target.service("api").headers)]


@pytest.fixture
def unaccepted(evidence: EvidenceBox) -> Unaccepted:
    """Gives the findings that the target file does not accept; those that it does go into the record."""

    def of(found: list[Finding]) -> list[Finding]:
        accepted = [each for each in found if each.severity is Severity.LOW]
        for piece in as_evidence(accepted) if accepted else ():
            evidence.add(piece)
        return [each for each in found if each not in accepted]

    return of


@pytest.fixture
def av_enabled(target: Target) -> None:
    """Leaves a check out, as not applicable, where no scanner is configured."""
    if not EnvFile(target.env_file).switch("STORAGE_AV_SCAN_ENABLED"):
        raise NotApplicable(f"virus scanner: STORAGE_AV_SCAN_ENABLED is off in {target.env_file}")


@pytest.fixture
def digest_required(target: Target) -> None:
    """Leaves a check out, as not applicable, where a client need not declare a digest."""
    if not EnvFile(target.env_file).switch("STORAGE_ENFORCE_CHECKSUM"):
        raise NotApplicable(f"required digest: STORAGE_ENFORCE_CHECKSUM is off in {target.env_file}")


@pytest.fixture
def checksum_failures(refuse: Refuse, stage_work: StageWork) -> tuple[int, int, float]:
    """Checksum failures since flag-on: how many must, how many the service did, and how many it may have counted."""
    refuse(good(), event="checksum_failed", declared_sha256=secrets.token_hex(32))  # at least one, also when run alone
    least, most = stage_work.synthetic.span("checksum_failed")
    query = 'sum(review_archive_storage_checksum_failures_total{job="$job"})'
    patience = stage_work.target.scrape_patience_s
    await_scrape(stage_work.prometheus, stage_work.service.job, patience)
    found = poll(lambda: round(counted(stage_work, query)), lambda count: count >= least, patience)
    stage_work.synthetic.settle("checksum_failed", found)
    return least, found, most
