"""The status line: database, actor, write access and freshness."""

import pytest

from gjobs.tui.dashboard.panels.status_line import ConnectionStatus, status_content


def make_status(**fields: object) -> ConnectionStatus:
    usual = {"database": "host/app", "actor_label": "ada@example.com", "read_only": False, "paused": False}
    return ConnectionStatus(**{**usual, "max_staleness": 2.0, "trouble": None, **fields})  # type: ignore[arg-type]


OF_ADA = "host/app · as ada@example.com"

LIVE = "as ada@example.com · live every 2 s"

PRODUCTION = {"database": "Production", "color": "red"}


@pytest.mark.parametrize(
    ("fields", "data_age", "text"),
    [
        ({}, 1.0, f"gjobs  host/app · {LIVE}"),
        ({"read_only": True}, 1.0, f"gjobs  {OF_ADA} · read-only · live every 2 s"),
        ({"has_partial_claims": True}, 1.0, f"gjobs  {OF_ADA} · partial claims · live every 2 s"),
        ({"may_write": True}, 1.0, f"gjobs  {OF_ADA} · may write · live every 2 s"),
        ({"paused": True}, 95.0, f"gjobs  {OF_ADA} · ‖ paused, seen 1 min ago"),
        ({"paused": True}, None, f"gjobs  {OF_ADA} · ‖ paused"),
        ({"trouble": "no connection", "paused": True}, 95.0, f"gjobs  {OF_ADA} · ✗ no connection"),
        ({"database": None}, None, "gjobs  no database yet · connecting …"),
        ({"database": None, "trouble": "no schema"}, None, "gjobs  no database yet · ✗ no schema"),
        ({"is_exposed": True}, 1.0, f"gjobs  {OF_ADA} · not encrypted · live every 2 s"),
        (
            {"slow_answer": 0.255, "max_staleness": 2.55},
            1.0,
            f"gjobs  {OF_ADA} · live every 3 s, answers take 255 ms",
        ),
        ({"origin": "DATABASE_URL"}, 1.0, f"gjobs  DATABASE_URL host/app · {LIVE}"),
        (PRODUCTION, 1.0, f"Production  {LIVE}"),
        ({**PRODUCTION, "address": "host/app"}, 1.0, f"Production  host/app · {LIVE}"),
        ({**PRODUCTION, "actor_label": ""}, None, "Production  connecting …"),
        ({"actor_label": "", "trouble": "sign-in refused"}, None, "gjobs  host/app · ✗ sign-in refused"),
        ({"database": "h\x1b[31m", "actor_label": "a\n\u202eb"}, 1.0, "gjobs  h␛[31m · as a⏎␦b · live every 2 s"),
    ],
)
def test_header_shows_the_connection_status(fields: dict[str, object], data_age: float | None, text: str) -> None:
    assert status_content(make_status(**fields), data_age=data_age).plain == f" {text}"


NAMED = {"database": "The production database", "color": "red", "address": "db.example.com/app"}

EMBEDDED = {"database": "/home/ada/.local/share/gjobs/socket-3f2a/shop"}

OF_APP = {"database": "DATABASE_URL", "is_of_app": True, "actor_label": "the operator"}
LOCAL = {**OF_APP, "address": "127.0.0.1:55870/postgres", "may_write": True}
SLOW = {"slow_answer": 0.808, "max_staleness": 8.0}
REMOTE = {**OF_APP, "address": "aws-0-eu.pooler.supabase.com:6543/postgres", "read_only": True, "is_exposed": True}


@pytest.mark.parametrize(
    ("fields", "width", "text"),
    [
        (LOCAL, 100, "gjobs  DATABASE_URL 127.0.0.1:55870/postgres · as the operator · may write · live every 2 s"),
        (LOCAL, 80, "gjobs  127.0.0.1:55870/postgres · as the operator · may write · live every 2 s"),
        (REMOTE, 80, "gjobs  aws-0-…/postgres · as the operator · not encrypted · read-only · live"),
        (NAMED, 90, f"The production database  db.example.com/app · {LIVE}"),
        (NAMED, 80, f"The production database  {LIVE}"),
        (NAMED, 55, f"The production…  {LIVE}"),
        (NAMED, 48, "The product…  as ada@example… · live every 2 s"),
        (EMBEDDED, 90, f"gjobs  /home/ada/.local/share/gjobs/socke…/shop · {LIVE}"),
        (EMBEDDED, 80, f"gjobs  /home/ada/.local/sha…/shop · {LIVE}"),
        ({**REMOTE, **SLOW}, 80, "aws-0-e… · as the ope… · not encrypted · read-only · live every 8 s, 808 ms"),
        ({**LOCAL, **SLOW}, 60, "127.0.0… · as the ope… · may write · live every 8 s, 808 ms"),
        ({**LOCAL, **SLOW, "read_only": True}, 60, "127.0.0… · as the ope… · read-only · live every 8 s, 808 ms"),
        (EMBEDDED, 60, "gjobs  /home/…/shop · as ada@example… · live every 2 s"),
        (EMBEDDED, 50, "gjobs  /h…/shop · as ada@exa… · live every 2 s"),
    ],
)
def test_narrow_header_shortens_names_before_the_status(fields: dict[str, object], width: int, text: str) -> None:
    assert status_content(make_status(**fields), data_age=1.0, width=width).plain == f" {text}"
