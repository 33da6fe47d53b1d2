"""The README's Python runs as it stands there, and its configuration can be used."""

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from store.configuration.config_reader import read_text
from store.configuration.configuration import Notifications
from store.configuration.settings import resolve
from store.filters.filter_terms import KEYS
from store.jobs.job import GenerationJob
from tests.conftest import Conninfo, connect
from tui.dashboard.run import setup_of

README = Path(__file__).parents[1] / "README.md"

ADA = UUID("00000000-0000-4000-8000-00000000000a")

PROJECT = UUID("00000000-0000-4000-8000-0000000000a1")


@pytest.fixture
def owner(database: Conninfo) -> Iterator[psycopg.Connection]:
    """Ada has a project."""
    with connect(database, autocommit=True) as connection:
        connection.execute("insert into auth.users (id, email) values (%s, 'ada@example.com')", [ADA])
        connection.execute("insert into projects (id, user_id, name) values (%s, %s, 'Catalog')", [PROJECT, ADA])
        yield connection


def add_jobs(owner: psycopg.Connection, *jobs: tuple[str, str, int]) -> None:
    """Of status, mode and cost."""
    for status, mode, cost_cents in jobs:
        owner.execute(
            "insert into generation_jobs (user_id, project_id, status, mode, cost_cents) values (%s, %s, %s, %s, %s)",
            (ADA, PROJECT, status, mode, cost_cents),
        )


def run_snippet(containing: str, database: Conninfo, **names: object) -> None:
    """The one block that contains the words, with the names that it expects its reader to have."""
    _, _, section = README.read_text().partition("\n## From Python\n")
    section, _, _ = section.partition("\n## ")
    blocks: list[str] = re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    (code,) = [block for block in blocks if containing in block]
    exec(compile(code, README, "exec"), {"DATABASE_URL": make_conninfo("", **database), **names})  # noqa: S102


def test_readme_worker_example_runs_the_queued_jobs(database: Conninfo, owner: psycopg.Connection) -> None:
    add_jobs(owner, ("queued", "lifestyle", 1), ("queued", "packaging", 1), ("running", "main_white", 1))

    async def generate(job: GenerationJob) -> None:
        if job.mode == "packaging":
            raise RuntimeError("API timeout")

    run_snippet("work_off_the_queue", database, generate=generate)

    rows = owner.execute("select mode, status, error from generation_jobs order by mode").fetchall()
    assert rows == [
        ("lifestyle", "succeeded", None),
        ("main_white", "running", None),
        ("packaging", "failed", "API timeout"),
    ]


def test_readme_budget_example_queues_a_job_until_the_budget_is_spent(
    database: Conninfo, owner: psycopg.Connection
) -> None:
    add_jobs(owner, ("succeeded", "lifestyle", 500), ("failed", "lifestyle", 9_000))

    owner.execute("insert into gjobs.budgets (user_id, period, limit_cents) values (%s, 'all', 9750)", [ADA])
    run_snippet("Insufficient budget", database, project_id=PROJECT)
    with pytest.raises(RuntimeError, match="Insufficient budget"):
        run_snippet("Insufficient budget", database, project_id=PROJECT)

    rows = owner.execute("select user_id, mode, cost_cents from generation_jobs where status = 'queued'").fetchall()
    assert rows == [(ADA, "lifestyle", 250)]


def test_readme_summary_example_prints_counts_and_total_cost(
    database: Conninfo, owner: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    add_jobs(owner, *[("succeeded", "lifestyle", 250)] * 3, ("failed", "packaging", 2), ("queued", "lifestyle", 100))

    run_snippet("Total", database, project_id=PROJECT)

    assert capsys.readouterr().out.splitlines() == [
        "Queued: 1",
        "Running: 0",
        "Succeeded: 3",
        "Failed: 1",
        "Total: $8.52",
    ]


def test_readme_configuration_example_can_be_read() -> None:
    (text,) = re.findall(r"^<!-- configuration -->\n```toml\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    configuration = read_text(text, path=Path("/here/config.toml"))
    assert list(configuration.profiles) == ["production", "staging", "embedded"]
    assert list(configuration.views) == ["late", "dear"]
    setup = setup_of(resolve(data_dir=Path("/data"), environment={}, configuration=configuration))
    assert setup.notifications == Notifications(view="dear", bell=True, desktop=True, terminal="kitty")
    assert setup.database_choices[0].name == "staging"
    assert setup.keymap == {"job.delete": "ctrl+d", "app.database": "D,f2"}


def test_readme_table_of_filter_keys_matches_the_program() -> None:
    (table,) = re.findall(
        r"^<!-- filter keys -->\n\|[^\n]*\n\| ---[^\n]*\n(.*?)^$", README.read_text(), re.MULTILINE | re.DOTALL
    )
    assert table.splitlines() == [f"| `{key.example}` | {key.takes} | {key.words} |" for key in KEYS.values()]
