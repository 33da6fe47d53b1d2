"""What of the writes has come to be, by the database's own account, and what of it is on screen."""

from pathlib import Path

from tests.conftest import Conninfo, run_file
from tests.hosted.place import until
from tests.tui.driving import Driver
from tests.tui.world import AUTUMN, World


class Ledger:
    """Of the app's own database, kept by a trigger from here on."""

    def __init__(self, world: World, owner: Conninfo) -> None:
        run_file(owner, Path(__file__).with_name("ledger.sql"))
        self._world = world
        self._owner = owner

    def is_begun(self) -> bool:
        """Whether anything is committed. Never waits: what is open may go on through this very process."""
        return self._world.sql("select exists (select from public.ledger)") == [(True,)]

    def entries(self) -> list[tuple[str, str]]:
        """The verbs and the jobs' ids, in their order, when nobody is writing any more."""
        until(lambda: not self._world.sql(_OPEN_TRANSACTIONS))
        return self._world.sql("select verb, job_id::text from public.ledger order by place")

    def clear(self) -> None:
        self._world.sql("truncate public.ledger")


def stored(world: World) -> list[tuple[str, str, int]]:
    """Id, status and cost of the jobs of Autumn, as the dashboard lists them."""
    return world.sql(
        "select id::text, status, cost_cents from generation_jobs where project_id = %s"
        " order by created_at desc, id desc",
        AUTUMN,
    )


def shown(driver: Driver) -> list[tuple[str, str, int]]:
    """The same, of the jobs listed."""
    return [(str(job.id), job.status, job.cost_cents) for job in driver.app.dashboard.jobs._rows]


_OPEN_TRANSACTIONS = """
    select pid from pg_stat_activity
     where datname = current_database() and application_name = 'gjobs' and xact_start is not null
"""
