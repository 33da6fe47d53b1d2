"""Each value that the app's table accepts is still accepted after an upgrade, and is then folded and counted."""

import os
from collections.abc import Iterator
from random import Random
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from gjobs.migrations.rollups import check_rollups
from gjobs.migrations.runner import upgrade
from gjobs.store.embedded.server_files import ServerHandle
from tests.conftest import Conninfo, connect, temporary_database
from tests.migrations.conftest import ADA, BEN, add

EXAMPLES = int(os.environ.get("GJOBS_VALUE_EXAMPLES", "0"))
"""For a full run: 500 examples take some minutes."""

# PostgreSQL compresses long values, except for random ones.
_RANDOM = Random(7)  # noqa: S311
_NOISE = "".join(map(chr, _RANDOM.choices(range(0x4E00, 0x9FA0), k=20_000)))
_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=50)

COLUMNS = {
    "user_id": st.sampled_from((ADA.id, ADA.id, BEN.id, UUID(int=9), None)),
    "project_id": st.sampled_from((ADA.project, ADA.project, BEN.project, UUID(int=9), None)),
    "status": st.sampled_from(("queued", "running", "succeeded", "failed", "failed", "unknown", None)),
    "mode": st.sampled_from(("lifestyle", "", "m" * 1_000_000, _NOISE, None)) | _TEXT,
    "error": st.sampled_from((None, "", "%s {} \\ ' \x01\x7f\u2028", "e" * 10_000_000, _NOISE * 160, "[" * 9_000))
    | _TEXT,
    "cost_cents": st.sampled_from((0, 1, -1, 2**31 - 1, -(2**31), 2**31, None)),
    "created_at": st.sampled_from(
        ("now", "infinity", "-infinity", "4714-11-24 00:00:00+00 BC", "294276-12-31 23:59:59.999999+00", None)
    ),
    "updated_at": st.sampled_from(("now", "infinity", "-infinity", None)),
}
ROWS = st.fixed_dictionaries(COLUMNS)
CHANGES = st.one_of(ROWS, *(st.fixed_dictionaries({name: values}) for name, values in COLUMNS.items()))
LONG = {
    "user_id": ADA.id,
    "project_id": ADA.project,
    "status": "failed",
    "mode": _NOISE,
    "error": _NOISE,
    "cost_cents": 2**31 - 1,
    "created_at": "infinity",
    "updated_at": "infinity",
}
LEAST = {
    **LONG,
    "mode": "",
    "error": "e" * 10_000_000,
    "cost_cents": -(2**31),
    "created_at": "4714-11-24 00:00:00+00 BC",
}
NULLS = {**dict.fromkeys(LONG), "status": "failed"}
PERIODS = {"day", "month", "all"}
INSERT = "insert into public.generation_jobs ({}) values ({})"


@pytest.fixture(params=[False, True], ids=["app's rules", "nullable"])
def copies(
    request: pytest.FixtureRequest, server: ServerHandle, attached_template: str
) -> Iterator[tuple[Conninfo, Conninfo]]:
    """Two databases of the app. Only the second one is migrated."""
    with (
        temporary_database(server, template=attached_template) as plain,
        temporary_database(server, template=attached_template) as migrated,
    ):
        upgrade(migrated)
        for conninfo in (plain, migrated):
            with connect(conninfo) as connection:
                add(connection, ADA)
                add(connection, BEN)
                for column in COLUMNS if request.param else ():
                    connection.execute(f"alter table public.generation_jobs alter {column} drop not null".encode())
        yield plain, migrated


def answer(connection: psycopg.Connection, statement: str, values: dict[str, object]) -> object:
    """Return the number of rows, or the app's refusal."""
    try:
        return connection.execute(statement.encode(), values).rowcount
    except psycopg.Error as error:
        return error.sqlstate, error.diag.message_primary


@settings(
    max_examples=EXAMPLES or 2,
    derandomize=not EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, *([Phase.shrink] if EXAMPLES else [])],
    suppress_health_check=list(HealthCheck),
)
@example(row=LONG, change=LEAST, periods=PERIODS)
@example(row=LEAST, change=NULLS, periods=PERIODS)
@given(row=ROWS, change=CHANGES, periods=st.sets(st.sampled_from(sorted(PERIODS))))
def test_values_that_the_table_accepts_are_accepted_and_counted_after_an_upgrade(
    copies: tuple[Conninfo, Conninfo], row: dict[str, object], change: dict[str, object], periods: set[str]
) -> None:
    statements: tuple[tuple[str, dict[str, object]], ...] = (
        (INSERT.format(", ".join(row), ", ".join(f"%({name})s" for name in row)), row),
        (f"update public.generation_jobs set {', '.join(f'{name} = %({name})s' for name in change)}", change),  # noqa: S608
        ("delete from public.generation_jobs", {}),
    )
    with connect(copies[0], autocommit=True) as plain, connect(copies[1], autocommit=True) as migrated:
        migrated.execute("delete from gjobs.budgets")
        for period in periods:
            migrated.execute(
                "insert into gjobs.budgets (user_id, project_id, period, limit_cents)"
                " values (%(user)s, null, %(period)s, %(most)s), (null, %(project)s, %(period)s, %(most)s)",
                {"user": ADA.id, "project": ADA.project, "period": period, "most": 2**50},
            )
        for statement, values in statements:
            assert answer(migrated, statement, values) == answer(plain, statement, values)
            assert migrated.execute("select gjobs.fold_events() >= 0").fetchone() == (True,)
            if statement == statements[1][0]:
                assert check_rollups(copies[1]).matches
