"""Pages and windows of a list together contain each job exactly once, in order."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from itertools import cycle
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gjobs.store.blocking import BlockingStore
from gjobs.store.errors import InvalidValue
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.filters.filter_terms import NO_FILTER
from gjobs.store.job_list.list_query import End, ListOrder, ListQuery, OrderColumn, RowKey, RowWindowQuery, key_of
from gjobs.store.jobs.job import ERROR_CHARACTERS, TRACEBACK, GenerationJob, JobStatus, ListedJob, cut_error
from gjobs.store.jobs.job_results import Page, PageKey
from gjobs.store.store import Store
from gjobs.store.values.formats import LATEST
from gjobs.tui.text.format import error_summary
from tests.store.store_fixtures import BEN, NOW, Db, Sql, a_job, error_of

NextPage = Callable[[PageKey | None], Awaitable[Page[GenerationJob]]]
TIES = ("2026-01-15 12:00Z", "2026-01-15 12:00Z", "2026-01-15 12:00Z", "2026-01-15 12:00:00.000001Z", "2026-01-14Z")
BEYOND_PYTHON = ("infinity", "infinity", "20000-01-01", "20000-01-01", "10000-01-01", "9999-12-31 23:59:59.999999Z")
BEFORE_PYTHON = ("0001-01-01Z", "0001-01-01 BC", "0044-03-15 BC", "0044-03-15 BC", "-infinity", "-infinity")


async def all_ids(next_page: NextPage) -> list[UUID]:
    ids: list[UUID] = []
    key: PageKey | None = None
    while True:
        page = await next_page(key)
        ids += [job.id for job in page]
        assert len(ids) < 100, "the pages do not end"
        if page.next_key is None:
            return ids
        key = page.next_key


def ids_in_order(sql: Sql, project_id: UUID | None = None, status: str | None = None) -> list[UUID]:
    rows = sql(
        "select id from generation_jobs where project_id = coalesce(%s, project_id) and status = coalesce(%s, status)"
        " order by created_at desc, id desc",
        (project_id, status),
    )
    return [row[0] for row in rows]


async def test_pages_contain_every_job_exactly_once_in_order(db: Db) -> None:
    project_id = db.make_project()
    for created_at in (*BEYOND_PYTHON, *TIES, *BEFORE_PYTHON):
        db.make_job(project_id, created_at=created_at)

    for limit in (1, 2, 3, 500):
        ids = await all_ids(lambda key, limit=limit: db.operator.get_generation_jobs(limit=limit, after=key))  # type: ignore[misc]
        assert ids == ids_in_order(db.sql)


async def test_pages_can_be_limited_to_a_project_a_status_and_a_filter(db: Db) -> None:
    mine, other = db.make_project(), db.make_project(BEN)
    for number in range(12):
        db.make_job(mine if number % 3 else other, list(JobStatus)[number % 2], created_at=NOW + timedelta(number // 4))
    running = parse("-status:queued", now=NOW)

    of_project = await all_ids(lambda key: db.operator.get_project_jobs(mine, limit=2, after=key))
    of_status = await all_ids(lambda key: db.operator.get_jobs_by_status("running", limit=2, after=key))
    of_both = await all_ids(lambda key: db.operator.get_project_jobs(mine, status="running", limit=1, after=key))
    of_filter = await all_ids(lambda key: db.operator.find_jobs(running, project_id=mine, limit=1, after=key))

    assert of_project == ids_in_order(db.sql, mine)
    assert of_status == ids_in_order(db.sql, status="running")
    assert of_both == of_filter == ids_in_order(db.sql, mine, "running")
    assert 0 < len(of_both) < len(of_project)


async def test_next_page_is_unaffected_by_deleted_and_added_jobs(db: Db) -> None:
    project_id = db.make_project()
    oldest_first = [db.make_job(project_id, created_at=NOW + timedelta(minutes=number)) for number in range(6)]
    first = await db.operator.get_generation_jobs(limit=2)

    await db.operator.delete_generation_job(oldest_first[4])  # where the first page ended
    db.make_job(project_id, created_at=NOW + timedelta(days=1))
    second = await db.operator.get_generation_jobs(limit=2, after=first.next_key)

    assert [job.id for job in second] == [oldest_first[3], oldest_first[2]]


async def test_recent_jobs_are_the_ten_newest_and_the_last_page_has_no_next_key(db: Db) -> None:
    assert (await db.operator.get_generation_jobs()) == Page(items=(), next_key=None)
    ids = [db.make_job(created_at=NOW + timedelta(minutes=number)) for number in range(12)]
    assert (await db.operator.get_generation_jobs(limit=12)).next_key is None
    assert [job.id for job in await db.operator.get_recent_jobs()] == ids[:1:-1]
    assert [job.id for job in await db.operator.get_recent_jobs(1)] == ids[-1:]


async def test_limit_outside_the_allowed_range_is_refused(operator: Store) -> None:
    for limit in (0, 10_001):
        for reading in (
            operator.get_generation_jobs(limit=limit),
            operator.get_recent_jobs(limit),
            operator.get_projects(limit=limit),
            operator.get_users(limit=limit),
            operator.get_job_summary(limit=limit),
        ):
            assert (await error_of(InvalidValue, reading)).field == "limit"


ORDERS = [ListOrder(column=column, descending=descending) for column in OrderColumn for descending in (True, False)]

TIMES = (
    *("-infinity", "4713-01-01 BC", "0001-01-01 00:00Z", "2026-01-15 12:00Z", "2026-01-15 12:00:00.000001Z"),
    *("2026-01-15 13:00Z", "9999-12-31 23:59:59.999999Z", "20000-01-01Z", "294276-12-31Z", "infinity"),
)

VALUES = {
    OrderColumn.CREATED: "created_at",
    OrderColumn.UPDATED: "updated_at",
    OrderColumn.COST: "cost_cents",
    OrderColumn.TOTAL: "case when status in ('succeeded', 'failed') and least(created_at, updated_at) > '0001-01-01Z'"
    " and greatest(created_at, updated_at) < '9999-12-31 23:59:59Z' then updated_at - created_at"
    " when status = 'running' and created_at > '0001-01-01Z' and created_at < '9999-12-31 23:59:59Z'"
    " then now() - created_at end",
}


def in_order(sql: Sql, listed: ListQuery, where: str = "true") -> list[UUID]:
    direction = "desc" if listed.order.descending else "asc"
    value = VALUES[listed.order.column]
    rows = sql(
        f"select id from generation_jobs where {where} and project_id = coalesce(%s, project_id)"  # noqa: S608
        f" and status = coalesce(%s, status) order by ({value}) {direction} nulls last, id {direction}",
        (listed.project_id, listed.status),
    )
    return [row[0] for row in rows]


@pytest.fixture
def projects(db: Db) -> Sequence[UUID]:
    """Two projects. Many of their jobs have equal values in each order."""
    made = [db.make_project(), db.make_project(BEN)]
    statuses = list(JobStatus)
    db.make_jobs(
        {
            "id": UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128),
            "project_id": made[number % 3 // 2],
            "status": statuses[number * 7 % 4],
            "mode": ("lifestyle", "packaging")[number % 2],
            "cost_cents": (-5, 0, 250)[number % 5 % 3],
            "created_at": TIMES[number * 11 % len(TIMES)],
            "updated_at": TIMES[number * 3 % len(TIMES)],
        }
        for number in range(60)
    )
    return made


@st.composite
def lists(draw: st.DrawFn, projects: Sequence[UUID]) -> tuple[ListQuery, str]:
    """Draw a list, and its filter as SQL."""
    text, where = draw(
        st.sampled_from([("", "true"), ("mode:lifestyle cost:>=0", "mode = 'lifestyle' and cost_cents >= 0")])
    )
    listed = ListQuery(
        project_id=draw(st.sampled_from([None, *projects])),
        status=draw(st.sampled_from([None, None, *JobStatus])),
        job_filter=parse(text, now=NOW) if text else NO_FILTER,
        order=draw(st.sampled_from(ORDERS)),
    )
    return listed, where


on_rows = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
Disturb = Callable[[ListedJob], None]


def walk(store: BlockingStore, listed: ListQuery, size: int, disturb: Disturb, *, backwards: bool) -> list[UUID]:
    """Return the ids in the order of the windows. Disturb each anchor before reading the window around it."""
    start = End.LAST if backwards else End.FIRST
    window = store.get_window(RowWindowQuery(listed=listed, anchor=start, before=size, after=size))
    assert not (window.has_after if backwards else window.has_before)
    met: list[UUID] = []
    for _ in range(200):
        met += [job.id for job in (reversed(window.jobs) if backwards else window.jobs) if job.id not in met[-1:]]
        if not (window.has_before if backwards else window.has_after):
            return met
        at = window.jobs[0] if backwards else window.jobs[-1]
        disturb(at)
        before, after = (size, 0) if backwards else (0, size + 1)
        query = RowWindowQuery(listed=listed, anchor=key_of(at, listed.order), before=before, after=after)
        window = store.get_window(query)
    raise AssertionError("the windows do not end")


@on_rows
@given(data=st.data())
def test_walking_windows_meets_each_row_once_even_if_anchors_change(
    operator_now: BlockingStore, projects: Sequence[UUID], sql: Sql, data: st.DataObject
) -> None:
    listed, where = data.draw(lists(projects), label="list")
    size, backwards = data.draw(st.integers(1, 9), label="rows"), data.draw(st.booleans(), label="backwards")
    disturbances = cycle(data.draw(st.lists(st.sampled_from(["", "delete", "move"]), min_size=1, max_size=5)))
    expected = in_order(sql, listed, where)
    if backwards:
        expected.reverse()
    moved: set[UUID] = set()

    def disturb(job: ListedJob) -> None:
        match next(disturbances):
            case "delete":
                sql("delete from generation_jobs where id = %s", [job.id])
            case "move" if job.id not in moved:  # A job that moves again and again could move ahead forever.
                moved.add(job.id)
                sql("update generation_jobs set cost_cents = cost_cents + 77 where id = %s", [job.id])

    sql("create table kept as select * from generation_jobs")
    try:
        met = walk(operator_now, listed, size, disturb, backwards=backwards)
    finally:
        sql("truncate generation_jobs")
        sql("insert into generation_jobs select * from kept")
        sql("drop table kept")

    assert [job_id for job_id in met if job_id not in moved] == [one for one in expected if one not in moved]


@on_rows
@given(data=st.data())
def test_window_holds_the_rows_around_its_anchor_or_at_an_end(
    operator_now: BlockingStore, projects: Sequence[UUID], sql: Sql, data: st.DataObject
) -> None:
    listed, where = data.draw(lists(projects), label="list")
    before, after = data.draw(st.integers(0, 12), label="before"), data.draw(st.integers(0, 12), label="after")
    expected = in_order(sql, listed, where)
    all_jobs = operator_now.get_window(RowWindowQuery(listed=listed)).jobs
    assert [job.id for job in all_jobs] == expected

    for number in range(0, len(all_jobs), 7):
        anchor = key_of(all_jobs[number], listed.order)
        window = operator_now.get_window(RowWindowQuery(listed=listed, anchor=anchor, before=before, after=after))
        first = max(0, number - before)
        assert [job.id for job in window.jobs] == expected[first : number + after]
        assert (window.has_before, window.has_after) == (first > 0, number + after < len(expected))

    cut = data.draw(st.integers(0, len(expected)), label="cut")
    start = operator_now.get_window(RowWindowQuery(listed=listed, anchor=End.FIRST, before=9, after=cut))
    end = operator_now.get_window(RowWindowQuery(listed=listed, anchor=End.LAST, before=len(expected) - cut, after=9))
    assert [job.id for job in (*start.jobs, *end.jobs)] == expected
    assert (start.has_before, start.has_after) == (False, cut < len(expected))
    assert (end.has_before, end.has_after) == (cut > 0, False)


async def test_window_reads_only_the_beginning_of_a_long_error(db: Db) -> None:
    longest = "ö" * ERROR_CHARACTERS
    for cost, error in enumerate((None, "", longest, f"{longest}!")):
        db.make_job(error=error, cost_cents=cost)
    order = ListOrder(column=OrderColumn.COST, descending=False)
    window = await db.operator.get_window(RowWindowQuery(listed=ListQuery(order=order)))
    errors = [(job.error, job.is_error_cut) for job in window.jobs]
    assert errors == [(None, False), ("", False), (longest, False), (longest, True)]


async def test_window_reads_the_end_of_a_long_traceback(db: Db) -> None:
    stack = "".join(f'  File "/app/worker.py", line {line}, in run\n' for line in range(100, 120))
    exception = "TimeoutError: no answer after 60 s"
    short, long = (f"{TRACEBACK}\n{lines}{exception}" for lines in (stack[:200], stack))
    for cost, error in enumerate((short, long)):
        db.make_job(error=error, cost_cents=cost)
    order = ListOrder(column=OrderColumn.COST, descending=False)
    window = await db.operator.get_window(RowWindowQuery(listed=ListQuery(order=order)))
    whole, cut = window.jobs
    assert (whole.error, whole.is_error_cut) == (short, False)
    assert cut.is_error_cut
    assert cut.error == cut_error(long)
    assert cut.error is not None
    assert len(cut.error) == ERROR_CHARACTERS
    first, last = cut.error.split("\n…")
    assert (first, long.endswith(last), error_summary(cut.error, is_cut=True)) == (TRACEBACK, True, exception)


def test_only_begun_jobs_with_finite_times_have_a_place_by_time_taken() -> None:
    job = ListedJob(**asdict(a_job(status=JobStatus.FAILED, updated_at=NOW - timedelta(seconds=5))))
    order = ListOrder(column=OrderColumn.TOTAL)
    assert key_of(job, order) == RowKey(value=timedelta(seconds=-5), id=job.id)
    running = replace(job, status=JobStatus.RUNNING)
    assert key_of(running, order) == RowKey(value=running.created_at, id=job.id)
    for other in (
        replace(job, status=JobStatus.QUEUED),
        replace(job, updated_at=LATEST),
        replace(running, created_at=LATEST),
    ):
        assert key_of(other, order) == RowKey(value=None, id=job.id)
