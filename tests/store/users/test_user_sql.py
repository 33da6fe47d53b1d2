"""Find users by a part of the e-mail or the first digits of the id."""

from datetime import timedelta
from uuid import UUID

import pytest

from gjobs.store.database.database import Database
from gjobs.store.embedded.server_files import ADMINISTRATOR
from gjobs.store.errors import RowMissing
from gjobs.store.jobs.job_results import CappedCount
from gjobs.store.store import Store
from gjobs.store.users import user_sql
from gjobs.store.users.actor import ActingUser
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import (
    ADA,
    BEN,
    CLEO,
    NOTHING,
    NOW,
    STRANGER,
    Db,
    Sql,
    add_ada,
    plan_of,
    show_rows,
)


async def found(store: Store, text: str, *, limit: int = 50) -> list[UUID]:
    return [user.id for user in await store.find_users(text, limit=limit)]


async def test_find_users_lists_the_most_recently_active_first(db: Db) -> None:
    for hours, owner in ((1, CLEO), (2, BEN)):
        db.make_job(db.make_project(owner), created_at=NOW + timedelta(hours=hours))
    db.make_job(db.make_project(BEN), created_at=NOW)

    users = await db.operator.find_users("")

    assert [(user.id, user.email, user.job_count, user.last_job_at) for user in users] == [
        (BEN, "ben@example.com", CappedCount(number=2), NOW + timedelta(hours=2)),
        (CLEO, None, CappedCount(number=1), NOW + timedelta(hours=1)),
        (ADA, "ada@example.com", CappedCount(number=0), None),
    ]
    assert await found(db.operator, "", limit=2) == [BEN, CLEO]


async def test_find_users_matches_part_of_the_email_or_the_beginning_of_the_id(operator: Store, sql: Sql) -> None:
    for text in ("ben", "BEN@", "  n@ex ", "ben@example.com"):
        assert await found(operator, text) == [BEN]
    # Wildcards are plain characters.
    for text in ("%", "_", "b_n", "ada%", "\\", "%'; --", "nobody"):
        assert await found(operator, text) == []
        sql("insert into auth.users (id, email) values (%s, %s)", (STRANGER, f"x{text}y@example.com"))
        assert await found(operator, text) == [STRANGER]
        sql("delete from auth.users where id = %s", (STRANGER,))

    other = UUID("c1e0aaaa-0000-4000-8000-000000000000")
    sql("insert into auth.users (id) values (%s)", [other])
    for text in ("c1e0", "C1E0AAAA-0000", other.hex, f" {other} "):
        assert await found(operator, text) == [other]
    assert await found(operator, str(CLEO)) == [CLEO]
    assert await found(operator, "c1e1") == await found(operator, "c1e") == []
    sql("insert into auth.users (id, email) values (%s, 'C1E0@example.com')", [STRANGER])
    assert set(await found(operator, "c1e0")) == {other, STRANGER}, "an e-mail may begin like an id"


async def test_find_users_caps_job_counts_but_knows_the_last_job(db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NEWEST_JOBS", "MOST_COUNTED"):
        monkeypatch.setattr(user_sql, name, 2)
    user_sql._statement.cache_clear()
    busy, quiet, newest = db.make_project(ADA), db.make_project(BEN), db.make_project(CLEO)
    for hours in (5, 1, 9, 3):
        db.make_job(busy, created_at=NOW + timedelta(hours=hours))
    db.make_job(quiet, created_at=NOW)
    for hours in (10, 11):
        db.make_job(newest, created_at=NOW + timedelta(hours=hours))

    users = {user.id: user for user in await db.operator.find_users("")}
    user_sql._statement.cache_clear()

    assert users[ADA].job_count == CappedCount(number=2, is_more=True)
    assert users[ADA].last_job_at == NOW + timedelta(hours=9)
    assert (users[BEN].job_count, users[BEN].last_job_at) == (CappedCount(number=1), NOW)
    assert users[CLEO].job_count == CappedCount(number=2)
    assert list(users) == [CLEO, ADA, BEN]


def test_user_search_reads_jobs_only_by_index(database: Conninfo) -> None:
    """The newest jobs are read by the index on their time, and a user's jobs by the index on their owner."""
    for text in ("", "ben", str(BEN)):
        query = user_sql.matching(text, limit=50, with_emails=True)
        plan = [line.strip() for line in plan_of(database, query, "enable_bitmapscan")]
        reads = [(line, plan[place + 1]) for place, line in enumerate(plan) if "on generation_jobs" in line]
        assert len(reads) == (4 if text == str(BEN) else 3), text
        assert all("Index" in scan for scan, _ in reads)
        # The newest job of a user with many jobs may be found by its time, too.
        assert any("Index Cond: " in condition and "(user_id = " in condition for _, condition in reads)


async def test_find_users_lists_job_owners_when_users_are_unreadable(
    attached_database: Conninfo, app_sql: Sql, recording_login: str
) -> None:
    add_ada(app_sql, NOTHING)
    app_sql("update generation_jobs set created_at = %s", [NOW])
    show_rows(app_sql, recording_login, "projects", "assets", "generation_jobs")
    for change in (
        "select",  # Without usage of the schema.
        "grant usage on schema auth to onlooker",  # Without a grant on the table.
        "grant select on auth.users to onlooker",  # Without a policy, the table looks empty.
        "alter table auth.users rename to hidden_users",
    ):
        with connect({**attached_database, "user": ADMINISTRATOR}, autocommit=True) as administrator:
            administrator.execute(change.encode())
        async with Store(Database({**attached_database, "user": recording_login})) as store:
            (user,) = await store.find_users("")
            assert (user.id, user.email, user.job_count, user.last_job_at) == (ADA, None, CappedCount(number=1), NOW)
            assert await found(store, str(ADA)[:13]) == [ADA]
            assert await found(store, "ada@") == []
            assert [user.id for user in await store.get_users(search=str(ADA)[:13])] == [ADA]
            assert await store.get_users(search="ada@") == await store.get_users(search=str(BEN)) == []
            assert (await store.find_by_id(str(ADA))).users == (ActingUser(id=ADA),)
            assert await store.find_actor(str(ADA)) == ActingUser(id=ADA)
            with pytest.raises(RowMissing):
                await store.find_actor(str(NOTHING))


async def test_operator_reads_the_emails_of_given_users(db: Db) -> None:
    db.make_project(BEN)
    (ada, ben) = [(await db.operator.get_user(str(owner))).email for owner in (ADA, BEN)]
    assert await db.operator.get_user_emails({ADA, BEN, NOTHING}) == {ADA: ada, BEN: ben}
    assert await db.operator.get_user_emails([]) == {}
