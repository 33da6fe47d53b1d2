"""The newest jobs as of a moment, compared with the present list."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from gjobs.store.database.database import Database
from gjobs.store.moments.past_store import past_store
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR
from tests.benchmarks.database import Databases, FilledDatabase
from tests.benchmarks.harness import AtMost, Effort, Finding, Ratio, take_turns
from tests.benchmarks.lists import ROWS, timed, users_store
from tests.benchmarks.sizes import many

LIVE, PAST = "the newest 200 jobs now", "the newest 200 jobs of a moment"

CHANGED, DELETED = 2_000, 200
"""Jobs that change and that are deleted after the moment."""

LIMIT = 3.0

_AT_ONCE = 20
_NEWEST = "select id from public.generation_jobs order by created_at desc limit %s offset %s"
_CHANGE = f"update public.generation_jobs set status = 'failed', error = 'x' where id in ({_NEWEST})"  # noqa: S608
_DELETE = f"delete from public.generation_jobs where id in ({_NEWEST})"  # noqa: S608


async def moments(effort: Effort, databases: Databases) -> list[Finding]:
    filled = databases.of(many(effort))
    with databases.copy_of(filled) as changed:
        moment = _change(changed)
        return [await _compare(effort, changed, moment)]


def _change(database: FilledDatabase) -> datetime:
    """Change some of the newest jobs in many transactions, and return the time before it."""
    with database.connect() as connection:
        connection.execute(_CHANGE, (1, 0))  # Nothing is known of the time before the first event.
        ((moment,),) = connection.execute("select clock_timestamp()").fetchall()
        for start in range(0, CHANGED, _AT_ONCE):
            connection.execute(_CHANGE, (_AT_ONCE, start * 5))
        connection.execute(_DELETE, (DELETED, DELETED))
        connection.execute("vacuum (analyze)")
    found: datetime = moment
    return found


async def _compare(effort: Effort, database: FilledDatabase, moment: datetime) -> Finding:
    times, rounds = effort.choose(40, quick=1), effort.choose(25, quick=1)
    project = database.owner.projects[0]
    contestants: dict[str, Callable[[], Awaitable[float]]] = {}
    async with users_store(database) as user, Store(Database(database.conninfo), OPERATOR) as operator:
        for name, store in (("", operator), (", as a user", user)):
            past = past_store(store, moment)
            contestants[LIVE + name] = timed(partial(store.get_project_jobs, project, limit=ROWS), times)
            contestants[PAST + name] = timed(partial(past.get_project_jobs, project, limit=ROWS), times)
        series = await take_turns(contestants, rounds=rounds)
    return Finding(
        title=f"the newest {ROWS} jobs of a project at an earlier moment",
        unit="ms",
        settings={
            "jobs": database.jobs,
            "jobs changed since": CHANGED,
            "jobs deleted since": DELETED,
            "repeats a round": times,
            "rounds": rounds,
        },
        series=series,
        ratios=tuple(Ratio(ours=PAST + name, rival=LIVE + name, reach=AtMost(LIMIT)) for name in ("", ", as a user")),
    )
