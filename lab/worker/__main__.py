"""Start butler-worker: `python -m lab.worker`, with LAB_HOME naming the lab's folder."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from pymongo import AsyncMongoClient
from starlette.applications import Starlette

from lab.documents import database
from lab.flags import flag_of
from lab.service import Settings, application, log, run
from lab.worker.checker import CheckerClient
from lab.worker.components import component_states
from lab.worker.homework import Homework, HomeworkReviewService
from lab.worker.loop import ReviewLoop, ReviewUseCase
from lab.worker.monolith import MonolithicReview
from lab.worker.reports import Reports
from lab.worker.routes import components_route, homework_routes
from lab.worker.tasks import Tasks
from lab.worker.use_case import DecomposedReview

HOMEWORK_FLAG = flag_of("21_01b")
USE_CASE_FLAG = flag_of("21_01d")


def build(settings: Settings) -> Starlette:
    """Make the application with the paths that the flags chose at process start."""
    mongo: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        settings.mongo_url, serverSelectionTimeoutMS=2000, timeoutMS=3000
    )
    reports = Reports(database(mongo), settings.fault)
    address = f"http://127.0.0.1:{settings.ports['hw-checker']}"
    checker = CheckerClient(address, settings.env.get("HW_CHECKER_API_KEY", ""), settings.fault)
    new_homework = settings.flag(HOMEWORK_FLAG) and not settings.fault("homework-flag-ignored")
    decomposed = settings.flag(USE_CASE_FLAG) and not settings.fault("use-case-flag-ignored")
    homework: Homework = HomeworkReviewService(checker, settings) if new_homework else checker
    use_case: ReviewUseCase = DecomposedReview(reports, settings) if decomposed else MonolithicReview(reports)
    tasks = Tasks(database(mongo)["long_tasks"], lambda: decomposed and settings.fault("review-newest-first"))
    loop = ReviewLoop(tasks, use_case, settings.fault)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        log("service_started", new_homework_review_service=new_homework, decomposed_use_case=decomposed)
        work = asyncio.create_task(loop.run())
        yield
        work.cancel()
        await loop.close()
        await checker.close()
        await mongo.close()

    routes = [*homework_routes(homework), components_route(lambda: component_states(reports, settings))]
    return application(routes, health=reports.ready, lifespan=lifespan, fault=settings.fault, settings=settings)


if __name__ == "__main__":
    started = Settings.load("butler-worker")
    for flag, fault in ((HOMEWORK_FLAG, "homework-does-not-come-back"), (USE_CASE_FLAG, "use-case-does-not-come-back")):
        if started.flag(flag) and started.fault(fault):
            raise SystemExit(1)
    run(build(started), started.port)
