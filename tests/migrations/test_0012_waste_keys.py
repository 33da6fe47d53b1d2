"""Revision 0012: what the rollups add up to by key. The tests of revision 0004 compare it with counts."""

from migrations.runner import check_rollups, downgrade, upgrade
from store.database.database import Database
from store.statistics.waste import WasteKey
from store.store import Store
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN
from tests.migrations.test_0004_rollups import assert_rollups_match_for_all_roles, reset_rows

FOLD = "select gjobs.fold_deltas(5000), gjobs.fold_waste(5000)"


async def test_upgrade_adds_up_the_rollups_beside_an_open_write(migrated_copy: Conninfo) -> None:
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
        upgrade(migrated_copy)
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
