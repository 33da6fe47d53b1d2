"""Error groups of a million failures compared with those of ten thousand, and the failures of one group."""

from collections.abc import Awaitable, Callable, Mapping, Set
from datetime import timedelta
from functools import partial
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import func, select

from gjobs.store import tables
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, TimeLimits, first_column
from gjobs.store.embedded.server_files import ADMINISTRATOR
from gjobs.store.error_groups.error_group import MOST_FAILURES, ErrorScope, error_group_id
from gjobs.store.error_groups.read_error_groups import LIMITS
from gjobs.store.filters import filter_sql
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.filters.filter_terms import Key
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR
from tests.benchmarks.database import Databases, FilledDatabase, without_indexes
from tests.benchmarks.generator import SPAN
from tests.benchmarks.harness import AtMost, Effort, Finding, Ratio, take_turns
from tests.benchmarks.lists import timed, users_store
from tests.benchmarks.sizes import QUICK, few, many

WINDOW = SPAN + timedelta(days=1)
"""All jobs failed in this time."""

MANY, OF_USER, SOME, FEW = (
    "the newest 20,000 of many failures, as the operator",
    "the newest 20,000 of many failures, as a user with a tenth of them",
    "the newest 5,000 of many failures",
    "the newest 5,000 of few failures",
)

STORED, STORED_OF_USER, COMPUTED = (
    "from the stored groups",
    "from the stored groups, as a user with a tenth of them",
    "from the group of each error",
)

_OF_OTHERS = """
insert into gjobs.error_groups (error_hash, user_id, error_group, job_count)
select error_hash, md5(error_hash::text || n)::uuid, min(error_group), 1
  from gjobs.error_groups cross join generate_series(1, 4) n group by error_hash, n
"""
"""The same errors of four other users: more rows than a hash table within work_mem holds."""

ERROR_OF_ITS_OWN = """
case mod(cost_cents, 3)
    when 0 then 'API timeout after ' || cost_cents || ' ms'
    when 1 then 'Asset ' || id || ' not found'
    else json_build_object('message', 'The image service answered 503, request ' || md5(id::text),
                           'stack', repeat('    at generateImage (/app/generate-image.ts:142:11)\n', 10))::text end
"""
_ERRORS = f"""
update public.generation_jobs set status = 'failed', completed_at = updated_at, error = {ERROR_OF_ITS_OWN}
"""  # noqa: S608 - of constants


async def errors(effort: Effort, databases: Databases) -> list[Finding]:
    with databases.copy_of(databases.of(many(effort))) as large, databases.copy_of(databases.of(few(effort))) as small:
        for database in (large, small):
            change_all(database, _ERRORS)
        findings = [await _compare(effort, large, small)]
    with databases.copy_of(databases.of(effort.choose(100_000, quick=QUICK))) as failed:
        change_all(failed, _ERRORS)
        with failed.connect() as connection:
            connection.execute("select gjobs.count_again()")
            connection.execute(_OF_OTHERS)
            connection.execute("vacuum (analyze) gjobs.error_groups")
        return [*findings, await _find(effort, failed)]


def connect_as_administrator(database: FilledDatabase) -> psycopg.Connection:
    return psycopg.connect(make_conninfo("", **{**database.conninfo, "user": ADMINISTRATOR}), autocommit=True)


def change_all(database: FilledDatabase, *statements: str, values: Mapping[str, object] | None = None) -> None:
    """Change all jobs. Triggers and indexes are off meanwhile, because they would take most of the time."""
    with without_indexes(database.conninfo), connect_as_administrator(database) as connection:
        connection.execute("alter table public.generation_jobs disable trigger all")
        for statement in statements:
            connection.execute(statement.encode(), values)
        connection.execute("alter table public.generation_jobs enable trigger all")
    with connect_as_administrator(database) as connection:
        connection.execute("vacuum (analyze) public.generation_jobs")


async def _compare(effort: Effort, large: FilledDatabase, small: FilledDatabase) -> Finding:
    rounds = effort.choose(7, quick=1)
    async with (
        Store(Database(large.conninfo)) as operator,
        users_store(large) as user,
        Store(Database(small.conninfo)) as of_small,
    ):
        assert operator.actor == OPERATOR
        reads = {
            MANY: (operator, MOST_FAILURES),
            OF_USER: (user, MOST_FAILURES),
            SOME: (operator, MOST_FAILURES // 4),
            FEW: (of_small, MOST_FAILURES // 4),
        }
        grouping = {
            name: partial(store.get_error_groups, ErrorScope(window=WINDOW, limit=most))
            for name, (store, most) in reads.items()
        }
        assert all([(await group()).group_count == 3 for group in grouping.values()])
        series = await take_turns({name: timed(group, 1) for name, group in grouping.items()}, rounds=rounds)
    limit = AtMost(LIMITS.statement * 1_000)
    return Finding(
        title="the failures of a year grouped by error, time at the client",
        unit="ms",
        settings={"many failures": large.jobs, "few failures": small.jobs, "rounds": rounds},
        series=series,
        ratios=(Ratio(ours=SOME, rival=FEW, reach=AtMost(1.5)),),
        limits={MANY: limit, OF_USER: limit},
    )


async def _find(effort: Effort, failed: FilledDatabase) -> Finding:
    rounds = effort.choose(7, quick=1)
    async with (
        Store(Database(failed.conninfo)) as operator,
        users_store(failed) as user,
    ):
        counts = {
            STORED: _counting(operator, {Key.ERROR_GROUP}),
            STORED_OF_USER: _counting(user, {Key.ERROR_GROUP}),
            COMPUTED: _counting(operator, set()),
        }
        assert all([sum(await count()) > 0 for count in counts.values()])
        series = await take_turns({name: timed(count, 1) for name, count in counts.items()}, rounds=rounds)
    limit = AtMost(300)
    return Finding(
        title="counting the failures that `error-group:ID` finds, time at the client",
        unit="ms",
        settings={"failures": failed.jobs, "rounds": rounds},
        series=series,
        ratios=(Ratio(ours=STORED, rival=COMPUTED, reach=AtMost(0.1)),),
        limits={STORED: limit, STORED_OF_USER: limit},
    )


def _counting(store: Store, readable: Set[Key]) -> Callable[[], Awaitable[list[int]]]:
    """Return a function that counts a third of the failures, with errors of their own. It must look at all."""
    job_filter = parse(f"error-group:{error_group_id(f'Asset {UUID(int=0)} not found')}")
    found = filter_sql.conditions(job_filter, readable=readable)
    query = Query(select(func.count()).select_from(tables.generation_jobs).where(*found), first_column)
    return partial(store.actor_database.read, query, limits=TimeLimits(statement=60.0))
