"""Takes screenshots of the real dashboard, with sample data and a stopped clock, and stores them here.

`python screenshots/make.py` writes them. The same code draws the same bytes every time.
"""

import asyncio
import gzip
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo
from textual.pilot import Pilot
from textual.widgets import Input, MarkdownViewer, OptionList, Select, Static
from textual.widgets.markdown import MarkdownTableOfContents

from migrations.runner import upgrade
from screenshots.growth import chart, lines_of
from screenshots.recording import recorded_picture
from store.budgets.budget import Budgets
from store.configuration.configuration import EMBEDDED_PROFILE, Profile
from store.configuration.settings import EMBEDDED_USER, OPERATOR_NAME, resolve
from store.database.database import Database
from store.database.load_meter import Load
from store.database.traffic import Traffic
from store.embedded.server import open_server
from store.error_groups.error_group import EVERY_FAILURE, ErrorGroups, ErrorScope
from store.job_list.list_query import ListingQuery
from store.job_list.listing import Listing
from store.jobs.job import GenerationJob, JobStatus
from store.leases.lease import WorkersOverview
from store.page_limits import PAGE_SIZE
from store.sample.sample_data import fill
from store.statistics.job_flow import JobFlow
from store.statistics.totals import Totals, TotalsQuery
from store.statistics.waste import MOST_KEYS, Waste, WasteKey
from store.store import Store
from tui.cli.commands.serve import TABS_ARE_READ_ONLY
from tui.dashboard.app import GjobsApp
from tui.dashboard.appearance import screen_svg
from tui.dashboard.details.details_pane import DetailsPane
from tui.dashboard.job_list.job_table import JobTable
from tui.dashboard.keys.manual_dialog import Location, ManualDialog
from tui.dashboard.session_poller import Opener
from tui.dashboard.setup import AppSearch, DashboardSetup
from tui.dashboard.statistics.load_dialog import LoadDialog
from tui.session import Report, Session
from tui.text.load_text import PaceCause, pace_words

ROOM = Path(__file__).parent

AT_WORK = (ROOM / "at_work.sql").read_text(encoding="utf-8")

FINDINGS = ROOM.parent / "tests" / "benchmarks" / "results.json"

RECORDING = ROOM / "demo.cast.gz"

RECORDED_SECONDS = {"demo.svg": 30.0, "presenter.svg": 45.0}

"""The moments of the recording that the pictures show."""

NOW = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)

WIDE, NARROW = (120, 36), (80, 24)

WITH_PANE, WITH_CHART = (160, 45), (200, 50)

"""Columns and rows."""

THEMES = {"dark": "textual-dark", "light": "textual-light"}

PATIENCE = 90.0

"""Seconds until a scene is given up."""


class FrozenStore(Store):
    """A store for which the current time never changes."""

    async def get_listing(self, query: ListingQuery, *, at: datetime | None = NOW) -> Listing:
        return await super().get_listing(query, at=at)

    async def get_totals(self, query: TotalsQuery, *, at: datetime | None = NOW) -> Totals:
        return await super().get_totals(query, at=at)

    async def get_flow(self, query: TotalsQuery, *, at: datetime | None = NOW) -> JobFlow:
        return await super().get_flow(query, at=at)

    async def find_stuck_jobs(self, job_ids: Collection[UUID], *, at: datetime | None = NOW) -> frozenset[UUID]:
        return await super().find_stuck_jobs(job_ids, at=at)

    async def get_budgets(
        self,
        project_id: UUID | None = None,
        *,
        user_id: UUID | None = None,
        limit: int = PAGE_SIZE,
        at: datetime | None = NOW,
    ) -> Budgets:
        return await super().get_budgets(project_id, user_id=user_id, limit=limit, at=at)

    async def get_error_groups(self, scope: ErrorScope = EVERY_FAILURE, *, at: datetime | None = NOW) -> ErrorGroups:
        return await super().get_error_groups(scope, at=at)

    async def get_waste(
        self,
        by: WasteKey = WasteKey.MODE,
        project_id: UUID | None = None,
        *,
        limit: int = MOST_KEYS,
        at: datetime | None = NOW,
    ) -> Waste:
        return await super().get_waste(by, project_id, limit=limit, at=at)

    async def get_workers_overview(self, *, limit: int = PAGE_SIZE, at: datetime | None = NOW) -> WorkersOverview:
        return await super().get_workers_overview(limit=limit, at=at)


class Stage:
    """The dashboard as a person drives it."""

    def __init__(self, app: GjobsApp, pilot: Pilot[int]) -> None:
        self.app = app
        self._pilot = pilot

    async def press(self, *keys: str) -> None:
        await self._pilot.press(*keys)
        await self._pilot.pause()

    async def open(self, key: str, part: str) -> None:
        """Press the key, and wait until this part of the opened dialog exists."""
        await self.press(key)
        await self.wait_for(lambda: bool(self.app.screen.query(part)))

    async def go_to(self, wanted: Callable[[GenerationJob], bool]) -> None:
        """Puts the cursor on the newest job that is wanted."""
        listing = self.app.dashboard.listing
        jobs = listing.window.jobs if listing else ()
        self.app.dashboard.query_one(JobTable).move_to(next(job.id for job in jobs if wanted(job)))
        await self._pilot.pause()

    async def take_theme(self, theme: str) -> None:
        """Waits until all is drawn in its colours."""
        if self.app.theme != theme:
            styled = asyncio.Event()
            self.app.theme_changed_signal.subscribe(self.app, lambda _: styled.set())
            self.app.theme = theme
            await self.wait_for(styled.is_set)
        await self._pilot.pause()

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await self._pilot.pause()


async def dashboard(stage: Stage) -> None:
    await stage.press("down", "down")


async def dashboard_with_pane(stage: Stage) -> None:
    await stage.go_to(lambda job: (job.error or "").startswith("{"))
    pane = stage.app.screen.query_one(DetailsPane)
    await stage.wait_for(lambda: EMBEDDED_USER in str(pane.render()) and "running → failed" in str(pane.render()))


async def details(stage: Stage) -> None:
    await stage.go_to(lambda job: (job.error or "").startswith("{"))
    await stage.open("enter", "#history")
    await has_details(stage, "running → failed")


async def timeline(stage: Stage) -> None:
    await stage.go_to(lambda job: job.status is JobStatus.SUCCEEDED)
    await stage.open("enter", "#history")
    await has_details(stage, "step 3 of 4")


async def has_details(stage: Stage, event: str) -> None:
    """Wait for both the facts and the history, because they arrive separately."""
    facts, history = (stage.app.screen.query_one(name, Static) for name in ("#facts", "#history"))
    await stage.wait_for(lambda: EMBEDDED_USER in str(facts.render()) and event in str(history.render()))


async def workers(stage: Stage) -> None:
    await stage.open("w", "#summary")
    summary = stage.app.screen.query_one("#summary", Static)
    await stage.wait_for(lambda: "alive" in str(summary.render()))


async def visibility(stage: Stage) -> None:
    await stage.press("v")
    await stage.wait_for(lambda: bool(stage.app.dashboard.listing and stage.app.dashboard.listing.hidden))
    await stage.go_to(lambda job: job.status is JobStatus.FAILED)


async def moment(stage: Stage) -> None:
    """Show the jobs as they were eight hours earlier."""
    await stage.open("at", "#time")
    stage.app.screen.query_one("#time", Input).value = "8h"
    await stage.press("enter")
    await stage.wait_for(lambda: stage.app.dashboard.has_all and "as of" in stage.app.dashboard.heading)
    await stage.press("down")


async def new_job(stage: Stage) -> None:
    await stage.open("n", "#asset OptionList")
    asset = stage.app.screen.query_one("#asset", Select)
    await stage.wait_for(lambda: asset.query_one(OptionList).option_count > 1)
    asset.focus()
    await stage.press("enter", "end", "enter")


async def confirmation(stage: Stage) -> None:
    await stage.go_to(lambda job: job.status is JobStatus.RUNNING)
    await stage.open("d", "#dialog")


async def budgets(stage: Stage) -> None:
    await stage.open("b", "#budgets")
    listed = stage.app.screen.query_one("#budgets", OptionList)
    await stage.wait_for(lambda: listed.option_count > 0)


async def errors(stage: Stage) -> None:
    await stage.open("E", "#groups")
    group = stage.app.screen.query_one("#group", Static)
    await stage.wait_for(lambda: "Example" in str(group.render()))


async def load(stage: Stage) -> None:
    """Show a fixed load, because no two measured ones are equal."""
    minute = Load(
        over=60.0,
        queries=2,
        database_time=0.06,
        processor_time=0.3,
        traffic=Traffic(sent=1_500, received=1_200),
        round_trip=0.052,
    )
    pace = pace_words(2.0, interval=2.0, is_woken=True, cause=PaceCause.UNCHANGED)
    stage.app.push_screen(LoadDialog(minute, pace=pace))
    await stage.wait_for(lambda: bool(stage.app.screen.query("#keys")))
    await stage.press()


async def case(stage: Stage) -> None:
    await stage.go_to(lambda job: (job.error or "").startswith("{"))
    await stage.open("C", "#redaction")
    redaction = stage.app.screen.query_one("#redaction", Static)
    await stage.wait_for(lambda: "Redact" in str(redaction.render()))


async def waste(stage: Stage) -> None:
    await errors(stage)
    await stage.open("w", "#options")
    await stage.press("left", "left")
    table = stage.app.screen.query_one("#table", Static)
    await stage.wait_for(lambda: "ERROR" in str(table.render()))


async def manual_of_keys(stage: Stage) -> None:
    await stage.press("question_mark")
    await has_page(stage, "tour")
    if isinstance(stage.app.screen, ManualDialog):
        stage.app.screen.go(Location(topic="keys", anchor="all-keys"))
    await has_page(stage, "keys", is_scrolled=True)


async def manual_of_budgets(stage: Stage) -> None:
    await budgets(stage)
    await stage.press("question_mark")
    await has_page(stage, "budgets")


async def manual_of_workers(stage: Stage) -> None:
    await workers(stage)
    await stage.press("question_mark")
    await has_page(stage, "workers")


async def has_page(stage: Stage, topic: str, *, is_scrolled: bool = False) -> None:
    """The page is loaded in parts, and laid out again when its width is known."""
    await stage.wait_for(lambda: isinstance(stage.app.screen, ManualDialog))
    dialog = stage.app.screen
    viewer, contents = dialog.query_one(MarkdownViewer), dialog.query_one(MarkdownTableOfContents)

    def is_drawn() -> bool:
        is_busy = any(work.node is dialog and not work.is_finished for work in stage.app.workers)
        is_titled = str(dialog.query_one("#dialog").border_title).endswith(f" {topic}")
        is_there = (viewer.scroll_offset.y > 0) is is_scrolled
        return is_titled and is_there and not is_busy and bool(contents.table_of_contents)

    await stage.wait_for(is_drawn)
    await stage.press()
    await stage.wait_for(is_drawn)


async def first_question(stage: Stage) -> None:
    await stage.wait_for(lambda: bool(stage.app.screen.query("#choices")))
    await stage.press()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    name: str
    size: tuple[int, int]
    play: Callable[[Stage], Awaitable[None]]
    """The steps from the first display of data to the state that the picture shows."""
    profile: Profile = EMBEDDED_PROFILE
    """The profile that gives the database its name and colour."""
    address: str | None = None
    acts_as: str = EMBEDDED_USER
    is_tab: bool = False
    """Whether a browser tab of 'gjobs serve' shows the dashboard. Such a tab is read-only."""
    app_files: Mapping[str, str] | None = None
    """Files of an app in which the dashboard starts, so that it asks which database to open."""


APP_FILES = {
    "supabase/config.toml": "[db]\nport = 54322\n",
    ".env": "DATABASE_URL=postgresql://postgres:postgres@127.0.0.1:54322/postgres\n",
    ".env.local": "DIRECT_URL=postgresql://postgres@db.example.com/postgres\n",
    "compose.yaml": "services: {analytics: {image: postgres, ports: ['5433:5432']}}\n",
}


SCENES = (
    Scene(name="dashboard", size=WIDE, play=dashboard),
    Scene(name="details", size=WIDE, play=details),
    Scene(name="timeline", size=WIDE, play=timeline),
    Scene(name="workers", size=WIDE, play=workers, acts_as=OPERATOR_NAME),
    Scene(name="new-job", size=WIDE, play=new_job),
    Scene(
        name="confirmation",
        size=WIDE,
        play=confirmation,
        profile=Profile(name="production", label="Production", color="crimson"),
        address="db.example.com/app",
    ),
    Scene(name="first-question", size=WIDE, play=first_question, app_files=APP_FILES),
    Scene(name="visibility", size=WIDE, play=visibility),
    Scene(name="moment", size=WIDE, play=moment),
    Scene(name="narrow", size=NARROW, play=dashboard),
    Scene(name="narrow-details", size=NARROW, play=details),
    Scene(name="wide", size=WITH_PANE, play=dashboard_with_pane),
    Scene(name="widest", size=WITH_CHART, play=dashboard_with_pane),
    Scene(name="budgets", size=WIDE, play=budgets),
    Scene(name="errors", size=WIDE, play=errors, acts_as=OPERATOR_NAME),
    Scene(name="load", size=WIDE, play=load),
    Scene(name="case", size=WIDE, play=case),
    Scene(name="waste", size=WIDE, play=waste, acts_as=OPERATOR_NAME),
    Scene(name="tab", size=WIDE, play=dashboard, is_tab=True),
    Scene(name="manual-keys", size=WIDE, play=manual_of_keys),
    Scene(name="manual-budgets", size=WIDE, play=manual_of_budgets),
    Scene(name="manual-workers", size=WIDE, play=manual_of_workers, acts_as=OPERATOR_NAME),
)


def pictures(conninfo: Mapping[str, str | int]) -> dict[str, str]:
    """Each picture by its file's name. The database is a migrated one without rows; it is filled."""
    fill({name: str(value) for name, value in conninfo.items()}, now=NOW)
    add_hidden_jobs(conninfo)
    add_workers(conninfo)
    with fixed_surroundings():
        return asyncio.run(_take_all(conninfo))


def drawn() -> dict[str, str]:
    """Return the pictures that need no database: the chart of the benchmark results, and the recorded demo."""
    runs = json.loads(FINDINGS.read_text(encoding="utf-8"))
    recording = gzip.decompress(RECORDING.read_bytes()).decode()
    return {
        "growth.svg": "".join(chart(run) for run in runs if lines_of(run)),
        **{name: recorded_picture(recording, seconds) for name, seconds in RECORDED_SECONDS.items()},
    }


def add_hidden_jobs(conninfo: Mapping[str, str | int]) -> None:
    """Add jobs of another user to the project shown, which the project's owner does not see."""
    with psycopg.connect(make_conninfo("", **conninfo)) as connection:
        connection.execute(
            "insert into generation_jobs (id, user_id, project_id, status, mode, cost_cents, created_at, updated_at)"
            " select rpad(lpad(to_hex(n), 8, '0'), 32, '0')::uuid, other.id, newest.id, 'queued', 'lifestyle', 250,"
            "        at.time, at.time"
            " from (select p.id from projects p join auth.users u on u.id = p.user_id where u.email = %s"
            "  order by p.created_at desc limit 1) newest,"
            " (select id from auth.users where email <> %s order by email limit 1) other,"
            " generate_series(1, 3) n, lateral (select %s - n * interval '7 minutes' as time) at",
            [EMBEDDED_USER, EMBEDDED_USER, NOW],
        )


def add_workers(conninfo: Mapping[str, str | int]) -> None:
    with psycopg.connect(make_conninfo("", **conninfo)) as connection:
        connection.execute("select set_config('pictures.now', %s, true)", [NOW.isoformat()])
        connection.execute(AT_WORK.encode())


async def _take_all(conninfo: Mapping[str, str | int]) -> dict[str, str]:
    return {
        f"{scene.name}-{shade}.svg": picture
        for scene in SCENES
        for shade, picture in (await _take(scene, _opener(conninfo, scene))).items()
    }


async def _take(scene: Scene, opener: Opener) -> dict[str, str]:
    """The scene is played once; then the same state is taken in each theme."""
    with tempfile.TemporaryDirectory(prefix="gjobs-app-") as directory:
        app = GjobsApp(opener, state_path=None, clock=lambda: NOW, setup=_setup(scene, Path(directory)))
        app.animation_level = "none"
        return await _play(app, scene)


def _setup(scene: Scene, directory: Path) -> DashboardSetup | None:
    if scene.app_files is None:
        return None
    for name, content in {".git": "", **scene.app_files}.items():
        file = directory / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content, encoding="utf-8")
    settings = resolve(data_dir=directory, environment={})
    return DashboardSetup(app_search=AppSearch(settings=settings, directory=directory))


async def _play(app: GjobsApp, scene: Scene) -> dict[str, str]:
    async with app.run_test(size=scene.size) as pilot:
        stage = Stage(app, pilot)
        if scene.app_files is None:
            await stage.wait_for(app.settled.is_set)
        await scene.play(stage)
        # On a busy machine, polls may be slow, and the next ones are then delayed: pictures must not show this delay.
        await stage.wait_for(lambda: app.poller.max_staleness == app.poller.interval)
        app.show_status()
        for field in app.screen.query(Input):
            field.cursor_blink = False
        taken = {}
        for shade, theme in THEMES.items():
            await stage.take_theme(theme)
            taken[shade] = screen_svg(app)
        # The pilot alone would remove the widgets while polls still arrive.
        app.exit()
        while app.is_running:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        return taken


def _opener(conninfo: Mapping[str, str | int], scene: Scene) -> Opener:
    @asynccontextmanager
    async def opener(_report: Report) -> AsyncIterator[Session]:
        operator = FrozenStore(Database(conninfo))
        if scene.is_tab:
            reason, hint = TABS_ARE_READ_ONLY
            operator.database.access.close(reason, hint=hint)
        try:
            is_operator = scene.acts_as == OPERATOR_NAME
            store = operator if is_operator else await operator.acting_as_user(scene.acts_as)
            yield Session(
                store=store,
                operator=operator,
                label=scene.profile.label,
                access=operator.database.access,
                profile=scene.profile,
                address=scene.address,
            )
        finally:
            await operator.close()

    return opener


@contextmanager
def fixed_surroundings() -> Iterator[None]:
    """Whatever the environment says, local times are UTC and there are colours."""
    before = dict(os.environ)
    os.environ.pop("NO_COLOR", None)
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        time.tzset()


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="gjobs-screenshots-") as room,
        open_server(Path(room) / "data", settings={"fsync": "off"}, grace=0.0, remove_after=True) as lease,
    ):
        upgrade(lease.conninfo)
        taken = pictures(lease.conninfo)
    for name, picture in (taken | drawn()).items():
        (ROOM / name).write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
