"""Revision 0012: what the rollups add up to by key. The tests of revision 0004 compare it with counts."""

from collections.abc import Callable

import pytest

from gjobs.migrations import runner
from gjobs.migrations.runner import check_rollups, downgrade, upgrade, verify
from gjobs.store.database.database import Database
from gjobs.store.errors import Locked
from gjobs.store.statistics.statistics import WasteKey
from gjobs.store.store import Store
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, catalogue
from tests.migrations.test_0004_rollups import assert_rollups_match_for_all_roles, reset_rows

FOLD = "select gjobs.fold_deltas(5000), gjobs.fold_waste(5000)"


async def test_upgrade_adds_up_the_rollups_beside_an_open_write(
    migrated_copy: Conninfo, upgrade_to: Callable[[Conninfo, str], None]
) -> None:
    """The writer neither waits for the upgrade nor blocks it. The days do not depend on the writer's DateStyle."""
    downgrade(migrated_copy, "0011")
    with connect(migrated_copy, autocommit=True) as connection:
        reset_rows(connection)
        connection.execute("update public.generation_jobs set status = 'failed', error = 'Boom'")
        connection.execute(FOLD)
        connection.execute("update public.generation_jobs set cost_cents = 7 where id = %s", [ADA.job])
    async with Store(Database(migrated_copy)) as store:
        before = [await store.get_waste(by) for by in WasteKey]

    with connect(migrated_copy) as writer:
        writer.execute("set datestyle = 'German'")
        writer.execute("update public.generation_jobs set retry_count = 1 where id = %s", [BEN.job])
        writer.execute("update public.generation_jobs set cost_cents = 9 where id = %s", [BEN.job])
        upgrade_to(migrated_copy, "0012")
        writer.execute(FOLD)

    with connect(migrated_copy, autocommit=True) as connection:
        assert connection.execute("select key, failed_cents from gjobs.waste_keys where dimension = 'all'").fetchall()
        assert_rollups_match_for_all_roles(connection)
        assert check_rollups(migrated_copy).matches
        connection.execute("update public.generation_jobs set cost_cents = 250 where id = %s", [BEN.job])
    async with Store(Database(migrated_copy)) as store:
        assert [await store.get_waste(by) for by in WasteKey] == before


def test_failed_jobs_are_counted_after_the_app_changed_column_types(migrated_copy: Conninfo) -> None:
    downgrade(migrated_copy, "0002")
    with connect(migrated_copy, autocommit=True) as connection:
        reset_rows(connection)
        connection.execute(
            "alter table public.generation_jobs alter mode type varchar(40), alter error type varchar(9000)"
        )
        upgrade(migrated_copy)
        failed = (
            "insert into public.generation_jobs (user_id, project_id, mode, status, error, cost_cents)"
            " select user_id, id, 'packaging', 'failed', 'Boom', 5 from public.projects"
        )
        for statement in (
            failed,
            "update public.generation_jobs set status = 'failed', mode = 'packaging' where mode = 'lifestyle'",
            "delete from public.generation_jobs where error is null",
            FOLD,
        ):
            connection.execute(statement.encode())
            assert check_rollups(migrated_copy).matches
        assert connection.execute("select key from gjobs.waste_keys where dimension = 'mode'").fetchall() == [
            ("packaging",)
        ]


def test_failed_jobs_are_counted_if_the_app_stores_errors_as_json(migrated_copy: Conninfo) -> None:
    downgrade(migrated_copy, "0002")
    with connect(migrated_copy, autocommit=True) as connection:
        reset_rows(connection)
        for statement in (
            "alter table public.generation_jobs alter error type jsonb using error::jsonb",
            "alter table public.generation_jobs alter mode type varchar(40)",
            """update public.generation_jobs set status = 'failed', error = '{"message": "Boom"}'""",
        ):
            connection.execute(statement.encode())

        upgrade(migrated_copy)

        connection.execute("""update public.generation_jobs set status = 'failed', error = '{"message": "Late"}'""")
        connection.execute(FOLD)
        assert check_rollups(migrated_copy).matches
        in_rollups = set(connection.execute("select * from gjobs.waste_totals").fetchall())
        with connection.transaction(force_rollback=True):
            connection.execute(
                "create or replace function gjobs.rollups_agree() returns boolean language sql as 'select false'"
            )
            assert set(connection.execute("select * from gjobs.list_waste()").fetchall()) == in_rollups
            assert connection.execute("select sum(job_count) from gjobs.list_day_waste()").fetchone() == (2,)


def test_upgrade_replaces_earlier_functions_and_adds_views_that_revision_0011_lacked(
    migrated_copy: Conninfo,
) -> None:
    expected = catalogue(migrated_copy)
    downgrade(migrated_copy, "0011")
    assert verify(migrated_copy).differences == ()
    with connect(migrated_copy, autocommit=True) as connection:
        for statement in (
            "drop view gjobs.old_rows, gjobs.new_rows",
            "create or replace function gjobs.recount_waste() returns void language sql as 'select null'",
            "create or replace function gjobs.may_refund() returns boolean language sql as 'select true'",
        ):
            connection.execute(statement.encode())
    assert verify(migrated_copy).differences == ()

    upgrade(migrated_copy)

    assert catalogue(migrated_copy) == expected


def test_upgrade_does_not_wait_long_for_an_open_transaction_that_folded(
    migrated_copy: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "ATTEMPTS", 1)
    downgrade(migrated_copy, "0011")
    with connect(migrated_copy) as writer:
        writer.execute("select gjobs.fold_waste(1)")
        with pytest.raises(Locked, match="nothing was changed"):
            upgrade(migrated_copy)
    upgrade(migrated_copy)
