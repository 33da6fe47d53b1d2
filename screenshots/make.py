"""Takes screenshots of the real dashboard, with sample data and a stopped clock, and stores them here.

`python -m screenshots.make` writes them. The same code draws the same bytes every time.
"""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Container, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo
from textual.command import CommandPalette

from gjobs.migrations.runner import upgrade
from gjobs.store.configuration.config_file import read_content
from gjobs.store.configuration.settings import EMBEDDED_PROFILE, EMBEDDED_USER, OPERATOR_NAME, Profile, resolve
from gjobs.store.database.database import Database
from gjobs.store.embedded.server import open_server
from gjobs.store.poller import DEFAULT_INTERVAL
from gjobs.store.sample.sample_data import fill
from gjobs.tui.cli.commands.serve import TABS_ARE_READ_ONLY
from gjobs.tui.dashboard.frame.app import GjobsApp
from gjobs.tui.dashboard.frame.run import setup_of
from gjobs.tui.dashboard.session.session_poller import Opener
from gjobs.tui.dashboard.session.setup import DashboardSetup, TourStart
from gjobs.tui.session import Report, Session
from screenshots import dialog_scenes, scenes
from screenshots.frozen_store import NOW, FrozenStore, freeze_budgets
from screenshots.growth import chart, lines_of
from screenshots.stage import PATIENCE, Play, Stage

ROOM = Path(__file__).parent

AT_WORK = (ROOM / "at_work.sql").read_text(encoding="utf-8")

FINDINGS = ROOM.parent / "tests" / "benchmarks" / "results.json"

WIDE, NARROW = (120, 36), (80, 24)

WITH_PANE, WITH_CHART = (160, 45), (200, 50)

"""Columns and rows."""

THEMES = {"dark": "textual-dark", "light": "textual-light"}

Setup = Callable[[Path], DashboardSetup]
"""Returns the setup of the dashboard. The directory is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One start of the dashboard, in which some scenes are played one after the other."""

    size: tuple[int, int]
    scenes: Mapping[str, Play]
    """The names of pictures, and the steps from the first display of data to what the picture shows."""
    profile: Profile = EMBEDDED_PROFILE
    """The profile that gives the database its name and colour."""
    address: str | None = None
    acts_as: str = EMBEDDED_USER
    is_tab: bool = False
    """Whether a browser tab of 'gjobs serve' shows the dashboard. Such a tab is read-only."""
    is_reachable: bool = True
    """Whether there is a server at the address of the database."""
    setup: Setup | None = None


APP_FILES = {
    "supabase/config.toml": "[db]\nport = 54322\n",
    ".env": "DATABASE_URL=postgresql://postgres:postgres@127.0.0.1:54322/postgres\n",
    ".env.local": "DIRECT_URL=postgresql://postgres@db.example.com/postgres\n",
    "compose.yaml": "services: {analytics: {image: postgres, ports: ['5433:5432']}}\n",
}
"""Files of an app in which the dashboard starts, so that it asks which database to open."""

CONFIGURATION = """
[profiles.staging]
label = "Staging"
color = "orange"
write = true
url = "postgresql://gjobs@staging.example.com:6543/app"

[profiles.production]
label = "Production"
color = "crimson"
url = "postgresql://gjobs@db.example.com/app"

[views]
"stuck overnight" = {filter = "status:running since:24h"}
"expensive failures" = {filter = "status:failed cost:>$1", order = "cost"}
"""


def setup_of_app(directory: Path) -> DashboardSetup:
    for name, content in {".git": "", **APP_FILES}.items():
        file = directory / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content, encoding="utf-8")
    settings = resolve(data_dir=directory, environment={})
    return DashboardSetup(app_search=settings, app_directory=directory)


def setup_with_profiles(directory: Path) -> DashboardSetup:
    configuration = read_content(CONFIGURATION.encode(), path=directory / "config.toml")
    return setup_of(resolve(profile="staging", data_dir=directory, environment={}, configuration=configuration))


def setup_with_tour(_: Path) -> DashboardSetup:
    return DashboardSetup(tour=TourStart.ALWAYS)


NEWCOMER = "new@example.com"

NO_SERVER: Mapping[str, str | int] = {"host": "127.0.0.1", "port": 1, "user": "ada", "dbname": "app"}

RUNS = (
    Run(
        size=WIDE,
        scenes={
            "new-job": scenes.new_job,
            "budgets": scenes.budgets,
            "dashboard": scenes.dashboard,
            "presenter": scenes.presenter,
            "details": scenes.details,
            "timeline": scenes.timeline,
            "case": scenes.case,
            "manual-keys": scenes.manual_of_keys,
            "manual-budgets": scenes.manual_of_budgets,
            "messages": dialog_scenes.messages,
            "export": dialog_scenes.export,
            "visibility": scenes.visibility,
        },
    ),
    Run(
        size=WIDE,
        scenes={
            "workers": scenes.workers,
            "errors": scenes.errors,
            "waste": scenes.waste,
            "manual-workers": scenes.manual_of_workers,
            "archive": dialog_scenes.archive,
        },
        acts_as=OPERATOR_NAME,
    ),
    Run(
        size=WIDE,
        scenes={"confirmation": scenes.confirmation},
        profile=Profile(name="production", label="Production", color="crimson"),
        address="db.example.com/app",
    ),
    Run(size=WIDE, scenes={"first-question": scenes.first_question}, setup=setup_of_app),
    Run(size=WIDE, scenes={"moment": scenes.moment}),
    Run(size=WIDE, scenes={"tab": scenes.dashboard}, is_tab=True),
    Run(
        size=NARROW,
        scenes={
            "narrow": scenes.dashboard,
            "narrow-details": scenes.details,
            "acting-user": dialog_scenes.acting_user,
            "projects": dialog_scenes.projects,
            "times": dialog_scenes.timings,
            "isolation": dialog_scenes.isolation,
            "clean-up": dialog_scenes.cleanup,
            "marks": dialog_scenes.marks,
            "suggestions": scenes.suggestions,
            "find": scenes.find,
        },
    ),
    Run(
        size=NARROW,
        scenes={
            "databases": dialog_scenes.databases,
            "palette": dialog_scenes.palette,
            "views": dialog_scenes.views,
        },
        setup=setup_with_profiles,
    ),
    Run(size=NARROW, scenes={"tour": scenes.as_opened}, setup=setup_with_tour),
    Run(size=NARROW, scenes={"empty": scenes.as_opened}, acts_as=NEWCOMER),
    Run(size=NARROW, scenes={"no-connection": scenes.as_opened}, is_reachable=False),
    Run(size=WITH_PANE, scenes={"wide": scenes.dashboard_with_pane}),
    Run(size=WITH_CHART, scenes={"widest": scenes.dashboard_with_pane}),
)


def pictures(conninfo: Mapping[str, str | int], *, light: Container[str] | None = None) -> dict[str, str]:
    """Return each picture by its file's name. Fill the migrated, empty database, and freeze its budgets.

    `light` names the scenes to take in the light theme, too. None stands for all.
    """
    freeze_budgets(conninfo, NOW)
    fill({name: str(value) for name, value in conninfo.items()}, now=NOW)
    add_hidden_jobs(conninfo)
    add_workers(conninfo)
    add_newcomer(conninfo)
    with fixed_surroundings():
        return asyncio.run(_take_all(conninfo, light))


def drawn() -> dict[str, str]:
    """Return the picture that needs no database: the chart of the benchmark results."""
    runs = json.loads(FINDINGS.read_text(encoding="utf-8"))
    return {"growth.svg": "".join(chart(run) for run in runs if lines_of(run))}


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


def add_newcomer(conninfo: Mapping[str, str | int]) -> None:
    """Add a user without projects."""
    with psycopg.connect(make_conninfo("", **conninfo)) as connection:
        connection.execute("insert into auth.users (id, email) values (%s, %s)", [UUID(int=1), NEWCOMER])


async def _take_all(conninfo: Mapping[str, str | int], light: Container[str] | None) -> dict[str, str]:
    taken: dict[str, str] = {}
    for run in RUNS:
        with tempfile.TemporaryDirectory(prefix="gjobs-app-") as directory:
            setup = run.setup(Path(directory)) if run.setup else None
            # A second attempt to connect would change the picture.
            interval = DEFAULT_INTERVAL if run.is_reachable else PATIENCE
            opener = _opener(conninfo, run)
            app = GjobsApp(opener, state_path=None, interval=interval, clock=lambda: NOW, setup=setup)
            app.animation_level = "none"
            taken |= await _play(app, run, light)
    return taken


async def _play(app: GjobsApp, run: Run, light: Container[str] | None) -> dict[str, str]:
    taken: dict[str, str] = {}
    async with app.run_test(size=run.size) as pilot:
        stage = Stage(app, pilot)
        if run.setup is not setup_of_app:
            await stage.wait_for(app.settled.is_set)
        for name, play in run.scenes.items():
            if taken:
                await stage.reset()
            themes = THEMES if light is None or name in light else {"dark": THEMES["dark"]}
            shades = await _take(stage, play, themes)
            taken |= {f"{name}-{shade}.svg": picture for shade, picture in shades.items()}
        # The pilot alone would remove the widgets while polls still arrive.
        app.exit()
        while app.is_running:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return taken


async def _take(stage: Stage, play: Play, themes: Mapping[str, str]) -> dict[str, str]:
    """Take the same state in each theme, first in the present one, because it takes a while to change the theme.

    The palette keeps the theme in which it was opened, so it is opened again.
    """
    taken: dict[str, str] = {}
    for shade, theme in sorted(themes.items(), key=lambda named: named[1] != stage.app.theme):
        is_palette = isinstance(stage.app.screen, CommandPalette)
        if is_palette:
            await stage.reset()
        await stage.take_theme(theme)
        if not taken or is_palette:
            await play(stage)
        taken[shade] = await stage.picture()
    return taken


def _opener(conninfo: Mapping[str, str | int], run: Run) -> Opener:
    @asynccontextmanager
    async def opener(_report: Report) -> AsyncIterator[Session]:
        operator = FrozenStore(Database(conninfo if run.is_reachable else NO_SERVER))
        if run.is_tab:
            operator.database.access.closed_by = TABS_ARE_READ_ONLY
        try:
            is_operator = run.acts_as == OPERATOR_NAME
            store = operator if is_operator else await operator.acting_as_user(run.acts_as)
            yield Session(
                store=store,
                operator=operator,
                label=run.profile.label,
                access=operator.database.access,
                profile=run.profile,
                address=run.address,
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
