"""A log of committed writes in the database, and the jobs in the database and on screen."""

from pathlib import Path

from tests.conftest import Conninfo, run_file
from tests.hosted.server_directory import until
from tests.tui.dashboard.dashboard_driver import Driver
from tests.tui.jobs_database import AUTUMN, JobsDatabase


class WriteLog:
    """A table in which a trigger records each committed write to a job."""

    def __init__(self, jobs_db: JobsDatabase, owner: Conninfo) -> None:
        run_file(owner, Path(__file__).with_name("write_log.sql"))
        self._jobs_db = jobs_db
        self._owner = owner

    def is_begun(self) -> bool:
        """Whether any write is committed. Do not wait: this process may run the open transaction."""
        return self._jobs_db.sql("select exists (select from public.ledger)") == [(True,)]

    def entries(self) -> list[tuple[str, str]]:
        """Return the commands and the ids of the jobs in order, after all open transactions have ended."""
        until(lambda: not self._jobs_db.sql(_OPEN_TRANSACTIONS))
        return self._jobs_db.sql("select verb, job_id::text from public.ledger order by place")

    def clear(self) -> None:
        self._jobs_db.sql("truncate public.ledger")


def stored(jobs_db: JobsDatabase) -> list[tuple[str, str, int]]:
    """Return id, status and cost of the jobs of Autumn from the database, in the order of the list."""
    return jobs_db.sql(
        "select id::text, status, cost_cents from generation_jobs where project_id = %s"
        " order by created_at desc, id desc",
        AUTUMN,
    )


def shown(driver: Driver) -> list[tuple[str, str, int]]:
    """Return id, status and cost of the jobs on screen."""
    return [(str(job.id), job.status, job.cost_cents) for job in driver.listed_jobs]


_OPEN_TRANSACTIONS = """
    select pid from pg_stat_activity
     where datname = current_database() and application_name = 'gjobs' and xact_start is not null
"""
