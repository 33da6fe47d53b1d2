"""Databases with an early version of revision 0004 get the rest with the next revision."""

import psycopg

from gjobs.migrations import HEAD
from gjobs.migrations.runner import check_rollups, downgrade, upgrade, verify
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, acting, add

AS_AT_FIRST = """
    create or replace view gjobs.job_counts with (security_invoker = on) as
        select user_id, project_id, status, mode, job_count, cost_cents from gjobs.job_totals
        union all select user_id, project_id, status, mode, job_count, cost_cents from gjobs.job_deltas;
    create or replace view gjobs.job_day_counts with (security_invoker = on) as
        select user_id, project_id, day, job_count, cost_cents from gjobs.job_days
        union all select user_id, project_id, day, job_count, cost_cents from gjobs.job_deltas;
    drop table gjobs.job_folding;
    drop sequence gjobs.told_at;
    drop function gjobs.tell_listeners(text), gjobs.may_notify();
    alter table gjobs.job_deltas alter user_id set not null, alter cost_cents set not null;
    alter table gjobs.job_totals alter user_id set not null, alter mode set not null;
    alter table gjobs.job_days alter user_id set not null, alter day set not null;
    create policy own_rows on gjobs.job_totals for select using ((select auth.uid()) = user_id);
    create policy own_rows on gjobs.job_deltas for select using ((select auth.uid()) = user_id);
    create policy own_rows on gjobs.job_days for select using ((select auth.uid()) = user_id);
    grant select on gjobs.job_totals, gjobs.job_deltas, gjobs.job_days, gjobs.job_counts to authenticated;
"""


def queue(connection: psycopg.Connection) -> None:
    connection.execute(
        "insert into public.generation_jobs (user_id, project_id, mode) values (%s, %s, 'lifestyle')",
        [ADA.id, ADA.project],
    )


def test_upgrade_completes_an_early_version_of_the_rollups_and_keeps_counts(migrated_copy: Conninfo) -> None:
    downgrade(migrated_copy, "0004")
    with connect(migrated_copy) as owner:
        add(owner, ADA)
        owner.execute(AS_AT_FIRST.encode())
    upgrade(migrated_copy)

    found = verify(migrated_copy)
    assert found.revision == HEAD
    assert found.differences == ()
    assert check_rollups(migrated_copy).matches
    with connect(migrated_copy, autocommit=True) as owner:
        queue(owner)
        with acting(owner, ADA.id):
            assert owner.execute("select count from public.get_job_statistics()").fetchall() == [(2,)]
