"""The trigram index for words: the doctor offers it, no migration builds it, and searches use it."""

from collections.abc import Iterator

import psycopg
import pytest

from gjobs.migrations.runner import remove, upgrade
from gjobs.migrations.verification import verify
from gjobs.store.database.database import Database
from gjobs.store.doctor import sql_checks
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.filters.filter_terms import JobFilter, Term
from gjobs.store.job_list.list_query import ListQuery, RowWindowQuery
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser
from tests.conftest import Conninfo, connect
from tests.hosted.cluster import SETTINGS, Server, copied, make_project, make_roles
from tests.hosted.hosted_fixtures import GRANTED
from tests.hosted.server_directory import Place
from tests.hosted.test_hosted_doctor import examined
from tests.migrations.conftest import acting
from tests.store.store_fixtures import NOW
from tests.trigrams import SCHEMA, WORD_INDEX, programs_with_trigrams
from tests.tui.jobs_database import ADA, AUTUMN, BEN, JobsDatabase, fill

pytestmark = pytest.mark.xdist_group("trigrams")
"""One process starts the second cluster, if it is needed."""

MANY = 5_000


@pytest.fixture(scope="module")
def trigram_server(hosted_server: Server, hosted_place: Place) -> Iterator[Server]:
    """The hosted cluster, or a second one if its programs lack pg_trgm."""
    programs = programs_with_trigrams()
    if programs is None:
        pytest.skip("no Postgres with pg_trgm is installed")
    if programs == hosted_server.programs:
        yield hosted_server
        return
    server = Server.on(hosted_place, programs, "trigrams", SETTINGS)
    server.initialise()
    server.start()
    make_roles(server)
    make_project(server, GRANTED, old_privileges=True)
    yield server
    server.stop()


@pytest.fixture
def project(trigram_server: Server) -> Iterator[Conninfo]:
    """The app's database with two users, many jobs and a schema for extensions, which only the owner may use."""
    with copied(trigram_server, GRANTED) as name:
        conninfo = trigram_server.login(name)
        jobs_db = JobsDatabase(conninfo)
        fill(jobs_db)
        jobs_db.close()
        with connect(conninfo, autocommit=True) as owner:
            owner.execute(f"create schema {SCHEMA}".encode())
            owner.execute(
                "insert into generation_jobs (user_id, project_id, mode, error, created_at)"
                " select %s, %s, 'lifestyle', case mod(n, 4) when 0 then 'timeout ' || n end,"
                " now() - n * interval '1 s' from generate_series(1, %s) n",
                [ADA, AUTUMN, MANY],
            )
            owner.execute("vacuum (analyze) generation_jobs")
        yield conninfo


def word_index(conninfo: Conninfo) -> bool | None:
    """Return whether the index is valid, or None without an index."""
    with connect(conninfo) as connection:
        row = connection.execute(
            "select indisvalid from pg_index where indexrelid = to_regclass('public.gjobs_words')"
        ).fetchone()
        return None if row is None else bool(row[0])


async def test_doctor_offers_the_word_index_and_its_sql_builds_it(
    project: Conninfo, trigram_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def offered(name: str = "word-index") -> str | None:
        return next((one.sql for one in (await examined(project)).findings if one.name == name), None)

    assert await offered() is None, "few jobs"
    monkeypatch.setattr(sql_checks, "MOST_COUNTED", MANY)
    installation, build, analyze = WORD_INDEX
    assert await offered() == "\n".join(WORD_INDEX)
    async with Store(Database(project), OPERATOR) as store:
        rare = ListQuery(job_filter=parse(f'"t {MANY}"', now=NOW))
        frequent = ListQuery(job_filter=parse("lifestyle", now=NOW))
        slow = await store.get_list_cost(rare)
        slow_frequent = await store.get_list_cost(frequent)
        with connect(project, autocommit=True) as owner:
            owner.execute(installation.encode())
            assert await offered() == f"{build}\n{analyze}"
            for statement in (build, analyze):
                owner.execute(statement.encode())
        await store.capability_cache.refresh()
        fast = await store.get_list_cost(rare)
        fast_frequent = await store.get_list_cost(frequent)
    assert slow
    assert fast
    assert slow_frequent
    assert fast_frequent
    assert fast_frequent.cost < slow_frequent.cost / 4, "the planner knows that the word is frequent"
    assert fast.cost < slow.cost / 4
    assert await offered() is None
    assert not [one for one in verify(project).differences if "gjobs_words" in one.name]

    leave_an_invalid_index(project, trigram_server)
    assert await offered() is None
    drop = await offered("invalid-index")
    assert drop == "DROP INDEX CONCURRENTLY public.gjobs_words;"
    with connect(project, autocommit=True) as owner:
        owner.execute(drop.encode())
    assert await offered()


def build_word_index(owner: psycopg.Connection) -> None:
    for statement in WORD_INDEX:
        owner.execute(statement.encode())


def leave_an_invalid_index(project: Conninfo, server: Server) -> None:
    """Leave an index as an interrupted build does."""
    with connect(server.administrator(str(project["dbname"])), autocommit=True) as administrator:
        administrator.execute(
            "update pg_index set indisvalid = false where indexrelid = 'public.gjobs_words'::regclass"
        )
    assert word_index(project) is False


async def test_each_actor_finds_words_and_users_can_write_with_the_index(project: Conninfo) -> None:
    """Neither an upgrade nor a removal builds or drops the index."""
    with connect(project, autocommit=True) as owner:
        owner.execute(f"create extension pg_trgm schema {SCHEMA}".encode())
        upgrade(project)
        assert word_index(project) is None
        owner.execute("drop extension pg_trgm")
        build_word_index(owner)
        assert verify(project).differences == ()
        with pytest.raises(psycopg.errors.InsufficientPrivilege), acting(owner, ADA):
            owner.execute(f"select {SCHEMA}.similarity('a', 'b')".encode())
        for claims in (ADA, BEN):
            owner.execute(
                "select set_config('role', 'authenticated', false), set_config('request.jwt.claims', %s, false)",
                [f'{{"sub": "{claims}", "role": "authenticated"}}'],
            )
            owner.execute(
                "insert into public.generation_jobs (user_id, project_id, mode, error)"
                " select p.user_id, p.id, others.* from (select * from public.projects order by id limit 1) p, (values"
                " ('50%_off', 'Jabberwocky \\ 100%'), ('50xy_off', null), ('50xyoff', null)) others (mode, error)"
            )
    for word, found in (("jabberwocky", 1), ("50%_OFF", 1), ("50x_off", 0), ("\\ 100%", 1), ("y \\", 1)):
        listed = ListQuery(job_filter=JobFilter(terms=(Term(key=None, values=(word,)),)))
        for actor, times in ((OPERATOR, 2), (ActingUser(id=ADA), 1), (ActingUser(id=BEN), 1)):
            async with Store(Database(project), actor) as store:
                assert len((await store.get_window(RowWindowQuery(listed=listed))).jobs) == times * found, (word, actor)

    remove(project)
    assert word_index(project) is True
