"""The workers dialog, its lines, and a worker's messages about retention policies."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from rich.cells import cell_len

from gjobs.store.errors import Unreachable
from gjobs.store.jobs.job import FINAL_STATUSES
from gjobs.store.leases.lease import LeasedJob, WorkersOverview, WorkerStatus
from gjobs.store.retention.retention import BatchProgress, RetentionAction, RetentionPolicy
from gjobs.store.users.actor import OPERATOR, ActingUser
from gjobs.store.worker.worker_events import RetentionApplied, RetentionFailed
from gjobs.tui.dashboard.features.workers import WorkersDrawing, remark, summary
from gjobs.tui.text.worker_text import worker_words
from tests.store.store_fixtures import NOW
from tests.tui.dashboard.dashboard_driver import Driver
from tests.tui.jobs_database import ADA, AUTUMN, FROZEN, JobsDatabase, job_id, short
from tests.tui.sample_jobs import NOON, texts

WORKER_OF_ADA = UUID("fa000000-0000-4000-8000-000000000000")

WORKER_OF_OPERATOR = UUID("fb000000-0000-4000-8000-000000000000")


def add_worker(
    jobs_db: JobsDatabase,
    worker: UUID = WORKER_OF_ADA,
    name: str = "studio",
    *,
    seen_ago: float = 5,
) -> None:
    jobs_db.sql(
        "insert into gjobs.workers (id, name, host, process, concurrency, started_at, seen_at)"
        " values (%s, %s, 'build-7', 4711, 4, %s, %s)",
        *(worker, name, FROZEN - timedelta(hours=3), FROZEN - timedelta(seconds=seen_ago)),
    )


def lease(jobs_db: JobsDatabase, number: int, owner: UUID | None, *, note: str | None = None) -> None:
    jobs_db.sql(
        "insert into gjobs.job_leases (job_id, owner, attempt, acquired_at, expires_at, note)"
        " values (%s, %s, 1, %s, %s, %s)"
        " on conflict (job_id) do update set owner = excluded.owner, note = excluded.note",
        *(job_id(number), owner, FROZEN - timedelta(seconds=90), FROZEN + timedelta(seconds=30), note),
    )


async def test_workers_dialog_lists_and_opens_jobs_and_keeps_its_cursor(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    add_worker(jobs_db)
    lease(jobs_db, 6, WORKER_OF_ADA, note="step 3 of 4")
    lease(jobs_db, 2, None, note="busy: 503")
    await dashboard.act_as(OPERATOR, shows=("as the operator", "Trail gear"))
    await dashboard.press("w", dialog="Workers · as the operator")
    await dashboard.shows("1 worker alive · 1 job held, the longest for 1 min · 1 job waiting for another attempt")
    await dashboard.shows("studio", "▸ alive", "holds 1 of 4", "all modes", short(6), "for 1 min", "step 3 of 4")
    await dashboard.shows(short(2), "retry in 30 s", "attempt 1 failed · busy: 503")
    await dashboard.press("enter", dialog="Job", shows=str(job_id(6)))
    await dashboard.press("escape")
    assert dashboard.cursor == 6

    await dashboard.show_project("Spring lookbook")
    await dashboard.press("w", shows=short(6))
    await dashboard.press("enter", dialog="Job", shows=(str(job_id(6)), "Autumn catalog"))
    await dashboard.press("escape")
    await dashboard.show_project("Spring lookbook")
    await dashboard.press("w", shows=short(6))
    lease(jobs_db, 2, WORKER_OF_ADA, note="step 1 of 4")
    await dashboard.press("r", shows=("step 1 of 4", f"{job_id(6)} in Autumn catalog"))
    lease(jobs_db, 2, WORKER_OF_ADA, note="step 2 of 4")
    await dashboard.press("f5", shows="step 2 of 4")
    jobs_db.set_status(6, "succeeded")
    await dashboard.press("r", shows="studio: process 4711 on build-7")
    assert short(2) in dashboard.text, "the cursor does not move to another job"
    await dashboard.press("enter", message="No job under the cursor")
    jobs_db.sql("delete from gjobs.workers")
    jobs_db.set_status(2, "succeeded")
    add_worker(jobs_db, WORKER_OF_OPERATOR, "another")
    await dashboard.press("r", shows=("another", "The line under the cursor is gone."))
    await dashboard.press("escape", dialog="")

    jobs_db.job(9, "running")
    lease(jobs_db, 9, WORKER_OF_OPERATOR)
    await dashboard.press("w", shows=short(9))
    jobs_db.delete(9)
    await dashboard.press("enter", message="is deleted or hidden")


async def test_workers_dialog_explains_workers_and_shows_the_operator_all(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    await dashboard.press("w", shows=("0 workers alive", "'gjobs worker MODULE:REGISTRY' starts a worker."))
    await dashboard.press("w", dialog="")
    add_worker(jobs_db, WORKER_OF_OPERATOR, "render [@click=app.quit]x[/]\x1b", seen_ago=190)
    lease(jobs_db, 6, WORKER_OF_OPERATOR)
    jobs_db.set_status(8, "running")
    lease(jobs_db, 8, WORKER_OF_OPERATOR)
    await dashboard.press("w", shows=("worker fb000000", "only the operator sees it", short(6)))
    await dashboard.shows("Only the operator sees the workers.")
    assert "render" not in dashboard.text
    assert short(8) not in dashboard.text
    await dashboard.press("escape", dialog="")

    add_worker(jobs_db)
    await dashboard.act_as(OPERATOR, shows=("as the operator", "Trail gear"))
    await dashboard.press("w", dialog="Workers · as the operator")
    await dashboard.shows("render [@click=app.quit]x[/]␛"[:20], "✗ silent 3 min", "studio", short(8))

    await dashboard.press("escape", dialog="")

    jobs_db.sql("delete from gjobs.job_leases")
    jobs_db.sql("delete from gjobs.workers")
    await dashboard.press("z", "w", shows=("0 workers alive", "Paused."))
    add_worker(jobs_db)
    await dashboard.press("r", shows=("1 worker alive", "studio: process 4711 on build-7; since "))
    await dashboard.shows("last seen 2026-11-24 11:59:55")
    await dashboard.press("enter", message="No job under the cursor")

    jobs_db.sql("alter view gjobs.visible_workers rename to elsewhere")
    await dashboard.press("r", shows="Seen 0 s ago. ")
    assert "studio" in dashboard.text, "an error keeps the last result"
    jobs_db.sql("alter view gjobs.elsewhere rename to visible_workers")
    await dashboard.press("r", hides="Seen 0 s ago. ")
    await dashboard.press("escape", dialog="")


RENDER, STUDIO = UUID(int=1), UUID(int=2)


def ago(seconds: float) -> datetime:
    return NOON - timedelta(seconds=seconds)


def worker(identifier: UUID, name: str, **fields: Any) -> WorkerStatus:
    """Return a worker of the operator that started an hour ago and holds none of four possible jobs."""
    nothing: dict[str, Any] = dict.fromkeys(("modes", "stopped_at", "held_since"), None)
    process = {"host": "build-7", "process": 4711, "concurrency": 4, "held_jobs": 0, "expired_jobs": 0}
    times = {"started_at": ago(3600), "seen_at": ago(5), "taken_at": NOON}
    return WorkerStatus(id=identifier, name=name, **{**nothing, **process, **times, **fields})


def held(number: int, owner: UUID | None = RENDER, **fields: Any) -> LeasedJob:
    """Return a job claimed 41 seconds ago, whose lease was renewed."""
    known: dict[str, Any] = {"mode": "lifestyle", "project_id": UUID(int=9), "attempt": 1, "note": None}
    times = {"acquired_at": ago(41), "expires_at": ago(-50)}
    return LeasedJob(job_id=job_id(number), owner=owner, **{**known, **times, **fields})


def overview(
    workers: Sequence[WorkerStatus] = (), jobs: Sequence[LeasedJob] = (), *, is_cut: bool = False
) -> WorkersOverview:
    return WorkersOverview(workers=tuple(workers), held=tuple(jobs), is_cut=is_cut, taken_at=NOON)


def drawing(seen: WorkersOverview, **fields: Any) -> WorkersDrawing:
    usual: dict[str, Any] = {"actor": OPERATOR, "project": lambda _: "Autumn catalog", "now": NOON, "width": 110}
    return WorkersDrawing(overview=seen, **{**usual, **fields})


def shown(seen: WorkersOverview, **fields: Any) -> list[str]:
    """Return the drawn lines with single blanks."""
    drawn = texts(line.spans for line in drawing(seen, **fields).lines())
    return [" ".join(line.split()) for line in drawn]


def test_each_worker_is_listed_above_its_leased_jobs() -> None:
    seen = overview(
        [worker(STUDIO, "studio", modes=("lifestyle", "packaging")), worker(RENDER, "render", held_jobs=2)],
        [held(1, note="step 3 of 4"), held(2, attempt=2)],
    )
    assert shown(seen) == [
        "render ▸ alive holds 2 of 4 up 1 h 00 min, all modes",
        "▸ 00000001 lifestyle Autumn catalog for 41 s step 3 of 4",
        "▸ 00000002 lifestyle Autumn catalog for 41 s attempt 2",
        "studio ▸ alive holds 0 of 4 up 1 h 00 min, lifestyle, packaging",
    ]


def test_silent_worker_is_listed_last_with_its_expired_lease() -> None:
    silent = worker(RENDER, "a render", seen_at=ago(190), held_jobs=1, expired_jobs=1)
    seen = overview([silent, worker(STUDIO, "studio")], [held(1, expires_at=ago(130), note="step 1 of 4")])
    assert shown(seen, width=126)[1:] == [
        "a render ✗ silent 3 min holds 1 of 4 all modes",
        "▸ 00000001 lifestyle Autumn catalog for 41 s its lease expired 2 min ago · step 1 of 4",
    ]
    just_dead = overview(
        [worker(RENDER, "render", seen_at=ago(14), held_jobs=2, expired_jobs=1)], [held(1, expires_at=ago(2)), held(2)]
    )
    assert shown(just_dead)[0] == "render ✗ silent 14 s holds 2 of 4 all modes"
    assert summary(just_dead, now=NOON) == "0 workers alive · 2 jobs held, the longest for 41 s"


def test_old_overview_shows_no_lease_as_expired_that_may_have_been_renewed() -> None:
    seen, later = overview([worker(RENDER, "render", held_jobs=1)], [held(1)]), ago(-600)
    assert shown(seen, now=later) == [
        "render ▸ alive holds 1 of 4 up 1 h 10 min, all modes",
        "▸ 00000001 lifestyle Autumn catalog for 10 min",
    ]
    spans = [span for line in drawing(seen, now=later).lines() for span in line.spans]
    assert [style for text, style in spans if text.startswith("for 10 min")] == [""]
    assert summary(seen, now=later) == "1 worker alive · 1 job held, the longest for 10 min"


def test_jobs_between_attempts_are_listed_without_a_worker() -> None:
    postponed = held(1, None, attempt=2, expires_at=ago(-12), note="503")
    seen = overview([], [postponed, held(2, None, attempt=0, expires_at=NOON)])
    assert shown(seen) == [
        "Waiting for another attempt, without a worker",
        "◌ 00000001 lifestyle Autumn catalog retry in 12 s attempt 2 failed · 503",
        "◌ 00000002 lifestyle Autumn catalog due released",
    ]


def test_leased_jobs_beyond_the_limit_are_counted() -> None:
    seen = overview([worker(RENDER, "render", held_jobs=3)], [held(1)], is_cut=True)
    assert shown(seen)[-1] == "… 2 jobs more, claimed later"
    assert summary(seen, now=NOON) == "1 worker alive · ≥ 1 job held, the longest for 41 s"
    assert shown(overview([], [held(1)]))[0] == "worker 00000000 not listed"


@pytest.mark.parametrize(
    ("fields", "is_shown"),
    [
        ({"stopped_at": NOON, "seen_at": NOON}, False),
        ({"seen_at": NOON - timedelta(minutes=59)}, True),
        ({"seen_at": NOON - timedelta(minutes=61)}, False),
    ],
)
def test_long_gone_workers_are_only_counted(fields: dict[str, Any], *, is_shown: bool) -> None:
    seen = overview([worker(RENDER, "render", **fields)])
    assert bool(shown(seen)) is is_shown
    assert ("1 more ran within the last week" in remark(seen, OPERATOR)) is not is_shown
    assert len(shown(overview(seen.workers, [held(1)]))) == 2, "a worker that holds a job is always listed"


@pytest.mark.parametrize("width", [68, 126])
def test_worker_lines_fit_the_width_and_escape_control_characters(width: int) -> None:
    nasty = "\x1b[31m[@click=app.quit]x[/]\u202e" + "長" * 300
    seen = overview(
        [worker(RENDER, nasty, host=nasty, modes=(nasty,), held_jobs=1), worker(STUDIO, nasty, seen_at=NOON)],
        [held(1, mode=nasty, note=nasty), held(2, None, mode=nasty, note=nasty), held(3, UUID(int=7))],
    )
    actor = ActingUser(id=ADA, email=nasty)
    for line in drawing(seen, actor=actor, project=lambda _: nasty, width=width).lines():
        drawn = "".join(part for part, _ in line.spans)
        assert cell_len(drawn) <= width
        assert (drawn + line.about).isprintable()
    assert remark(seen, actor).isprintable()


def applied(progress: BatchProgress, project_id: UUID | None = None) -> RetentionApplied:
    policy = RetentionPolicy(
        id=job_id(9),
        project_id=project_id,
        statuses=FINAL_STATUSES,
        older_than=timedelta(days=90),
        action=RetentionAction.DELETE,
        created_at=NOW,
        applied_at=NOW,
    )
    return RetentionApplied(policy, progress)


REFUSED = BatchProgress(done=1_200, refused=2, refused_id=job_id(1), refusal="Paid jobs\x1b stay.")

REFUSALS = f"2 jobs were refused, for example {job_id(1)}: Paid jobs␛ stay."


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (applied(BatchProgress(done=1), AUTUMN), f"Deleted 1 job. Policy: older than 90d, project {AUTUMN}."),
        (
            applied(REFUSED),
            f"Deleted 1,200 jobs. Policy: older than 90d, all other projects. {REFUSALS}",
        ),
        (RetentionFailed(Unreachable("Gone.")), "Retention policies failed and will run when they are next due: Gone."),
    ],
)
def test_worker_words_report_what_retention_deleted(event: RetentionApplied | RetentionFailed, words: str) -> None:
    assert worker_words(event) == words
