"""Texts of the dashboard: header, banner, facts of a job and error labels; and the choice of the project to show."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from rich.text import Text

from gjobs.store.errors import InvalidValue, Unreachable
from gjobs.store.job_list.list_query import ListQuery, ProjectName
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.moments.moment_sql import marked
from gjobs.store.values.formats import FarTime
from gjobs.tui.dashboard.panels.dashboard_state import project_to_show
from gjobs.tui.dashboard.panels.status_line import ConnectionStatus, banner_content, status_content
from gjobs.tui.dashboard.session.session_poller import ListPollFailed
from gjobs.tui.dashboard.widgets.widgets import ShowsInvisible
from gjobs.tui.text.format import moment_words
from gjobs.tui.text.job_text import fact_lines
from tests.tui.jobs_database import job_id
from tests.tui.sample_jobs import NOON, make_job, make_listing, texts


def facts(job: GenerationJob, *, now: datetime = NOON + timedelta(minutes=5)) -> dict[str, str]:
    lines = texts(fact_lines(job, project="Autumn\x1b[31m", now=now, width=100))
    return {line[:13].strip(): line[13:] for line in lines}


def test_fact_lines_show_every_field_of_a_job() -> None:
    job = make_job(1, id=job_id(1), cost_cents=-123_456, mode="a\nb", input_asset_id=UUID(int=7))

    assert facts(job) == {
        "Status": "◌ queued",
        "Mode": "a⏎b",
        "Cost": "-$1,234.56",
        "Created": "6 min ago   2026-11-24 11:59:00 UTC",
        "Updated": "6 min ago   2026-11-24 11:59:00 UTC",
        "Wait": "6 min 00 s so far",
        "Id": "00000001-0000-0000-0000-000000000000",
        "Project": "Autumn␛[31m  00000000-0000-0000-0000-000000000002",
        "Owner": "00000000-0000-0000-0000-000000000001",
        "Input asset": "00000000-0000-0000-0000-000000000007",
    }


def test_mark_of_an_unrecorded_time_does_not_shift_the_times() -> None:
    job = marked(make_job(1), ["created_at", "input_asset_id"])
    times = "6 min ago   2026-11-24 11:59:00 UTC", "? 6 min ago 2026-11-24 11:59:00 UTC"
    assert (facts(job)["Updated"], facts(job)["Created"], facts(job)["Input asset"]) == (*times, "?")


def test_times_end_when_the_job_ends() -> None:
    job = make_job(0, updated_at=NOON + timedelta(seconds=79))
    running, ended = (replace(job, status=status) for status in (JobStatus.RUNNING, JobStatus.SUCCEEDED))
    started_at = NOON + timedelta(seconds=4)
    assert facts(running)["Total"] == "5 min 00 s so far"
    assert (
        facts(replace(running, started_at=started_at))["Run"]
        == "4 min 56 s so far  wait 4.0 s  total 5 min 00 s so far"
    )
    assert facts(job, now=job.created_at - timedelta(seconds=1))["Total"] == "–"
    assert facts(ended)["Total"] == "1 min 19 s"
    assert facts(replace(ended, started_at=started_at))["Run"] == "1 min 15 s  wait 4.0 s  total 1 min 19 s"
    edited_later = replace(ended, completed_at=job.created_at + timedelta(seconds=9))
    assert facts(edited_later)["Total"] == "9.0 s"
    endless = replace(job, status=JobStatus.FAILED, updated_at=FarTime.of("infinity"))
    assert (facts(endless)["Updated"], facts(endless)["Total"]) == ("infinity", "–")
    far = replace(job, status=JobStatus.FAILED, updated_at=FarTime.of("294276-12-31T23:59:59.999999Z"))
    assert facts(far)["Updated"].split() == ["294276", "AD", "294276-12-31", "23:59:59", "UTC"]
    assert facts(far)["Total"] == "–"


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("UTC", "2026-11-24 12:00:00 UTC"),
        ("CET-1", "2026-11-24 13:00:00 (12:00:00 UTC)"),
        ("HST10", "2026-11-24 02:00:00 (12:00:00 UTC)"),
        ("NZD-13", "2026-11-25 01:00:00 (2026-11-24 12:00:00 UTC)"),
    ],
)
def test_times_are_shown_in_local_time_and_utc(monkeypatch: pytest.MonkeyPatch, zone: str, shown: str) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    assert facts(make_job(0))["Created"] == f"5 min ago   {shown}"
    far = replace(make_job(0), created_at=FarTime.of("0044-03-15T12:00:00.000000Z BC"))
    assert facts(far)["Created"] == "44 BC       0044-03-15 12:00:00 BC UTC"


@pytest.mark.parametrize(
    ("retry_in", "is_paused", "data_age", "second_line"),
    [
        (23.4, False, None, "Check it. Retrying in 24 s. Press f5 to retry now."),
        (4, False, 200, "Check it. The data is 3 min old. Retrying in 4 s. Press f5 to retry now."),
        (-0.5, False, None, "Check it. Retrying … Press f5 to retry now."),
        (4, True, 200, "Check it. The data is 3 min old. Press f5 to try again."),
        (None, False, None, "Check it. Press f5 to try again."),
    ],
)
def test_banner_shows_the_error_its_start_and_the_next_retry(
    retry_in: float | None, is_paused: bool, data_age: int | None, second_line: str
) -> None:
    now = NOON + timedelta(minutes=2)
    failure = ListPollFailed(
        error=Unreachable("No answer.\n\x1b[2J", hint="Check it."),
        since=NOON,
        retry_at=lambda: None if retry_in is None else now + timedelta(seconds=retry_in),
    )
    data_from = None if data_age is None else now - timedelta(seconds=data_age)
    content = banner_content(failure, data_from=data_from, is_paused=is_paused, now=now)

    assert content.plain.split("\n") == ["✗ No answer.⏎␛[2J Since 12:00:00.", second_line]

    failure.error = InvalidValue("at", "This moment is in the future.", hint="Use an earlier time.")
    content = banner_content(failure, data_from=None, is_paused=False, now=now)
    assert content.plain.split("\n") == ["✗ This moment is in the future.", "Use an earlier time."]


def test_moment_is_never_cut() -> None:
    moment = moment_words(NOON.replace(microsecond=1200), UTC, is_exact=True)
    status = ConnectionStatus(
        database="embedded",
        actor_label="ada@example.com",
        read_only=True,
        paused=False,
        max_staleness=2,
        trouble=None,
        moment=moment,
    )
    for width, end in ((80, ""), (100, " · writes are off")):
        words = status_content(status, data_age=None, now=NOON, width=width)
        assert words.plain.endswith(f" · as of 2026-11-24 12:00:00.001200 UTC{end}")
        assert words.cell_length <= width
    words = status_content(replace(status, trouble="no answer"), data_age=None, now=NOON)
    assert words.plain.endswith(" · as of 2026-11-24 12:00:00.001200 UTC · ✗ no answer")
    assert status_content(replace(status, trouble="no answer"), data_age=None, now=NOON, width=80).cell_length <= 80


@pytest.mark.parametrize(
    ("is_there", "was_located", "shown"),
    [(False, False, UUID(int=1)), (True, False, UUID(int=2)), (False, True, UUID(int=2))],
    ids=["deleted", "too old to be listed", "found by its id"],
)
def test_project_that_is_not_listed_is_shown_if_it_exists_or_was_found(
    is_there: bool, was_located: bool, shown: UUID
) -> None:
    newest = ProjectName(id=UUID(int=1), user_id=UUID(int=3), name="P")
    listing = make_listing(ListQuery(project_id=UUID(int=2)), projects=(newest,), has_project=is_there)
    assert project_to_show(listing, all_was_chosen=True, was_located=was_located) == shown


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("plain [/oops]", "plain [/oops]"),
        ("\x1b[2J\u202e\u200b\t", "␛[2J␦␦⇥"),
        ("e\u0301 漢字 👍", "e\u0301 漢字 👍"),
        ("❤\ufe0f", "❤␦"),
    ],
)
def test_each_invisible_typed_character_is_shown_as_one_sign(typed: str, shown: str) -> None:
    text = ShowsInvisible()(Text(typed))

    assert text.plain == shown
    assert len(text.plain) == len(typed)


def make_status(**fields: object) -> ConnectionStatus:
    usual = {"database": "host/app", "actor_label": "ada@example.com", "read_only": False, "paused": False}
    return ConnectionStatus(**{**usual, "max_staleness": 2.0, "trouble": None, **fields})  # type: ignore[arg-type]


OF_ADA = "host/app · as ada@example.com"

LIVE = "as ada@example.com · live every 2 s"

PRODUCTION = {"database": "Production", "color": "red"}


NAMED = {"database": "The production database", "color": "red", "address": "db.example.com/app"}

EMBEDDED = {"database": "/home/ada/.local/share/gjobs/socket-3f2a/shop"}

OF_APP = {"database": "DATABASE_URL", "is_of_app": True, "actor_label": "the operator"}
LOCAL = {**OF_APP, "address": "127.0.0.1:55870/postgres", "may_write": True}
SLOW = {"slow_answer": 0.808, "max_staleness": 8.0}
REMOTE = {**OF_APP, "address": "aws-0-eu.pooler.supabase.com:6543/postgres", "read_only": True, "is_exposed": True}


@pytest.mark.parametrize(
    ("fields", "width", "data_age", "text"),
    [
        ({}, None, 1.0, f"gjobs  host/app · {LIVE}"),
        ({"read_only": True}, None, 1.0, f"gjobs  {OF_ADA} · read-only · live every 2 s"),
        ({"has_partial_claims": True}, None, 1.0, f"gjobs  {OF_ADA} · partial claims · live every 2 s"),
        ({"may_write": True}, None, 1.0, f"gjobs  {OF_ADA} · may write · live every 2 s"),
        ({"paused": True}, None, 95.0, f"gjobs  {OF_ADA} · ‖ paused, seen 1 min ago"),
        ({"paused": True}, None, None, f"gjobs  {OF_ADA} · ‖ paused"),
        ({"trouble": "no connection", "paused": True}, None, 95.0, f"gjobs  {OF_ADA} · ✗ no connection"),
        ({"database": None}, None, None, "gjobs  no database yet · connecting …"),
        ({"database": None, "trouble": "no schema"}, None, None, "gjobs  no database yet · ✗ no schema"),
        ({"is_exposed": True}, None, 1.0, f"gjobs  {OF_ADA} · not encrypted · live every 2 s"),
        (
            {"slow_answer": 0.255, "max_staleness": 2.55},
            None,
            1.0,
            f"gjobs  {OF_ADA} · live every 3 s, answers take 255 ms",
        ),
        ({"origin": "DATABASE_URL"}, None, 1.0, f"gjobs  DATABASE_URL host/app · {LIVE}"),
        (PRODUCTION, None, 1.0, f"Production  {LIVE}"),
        ({**PRODUCTION, "address": "host/app"}, None, 1.0, f"Production  host/app · {LIVE}"),
        ({**PRODUCTION, "actor_label": ""}, None, None, "Production  connecting …"),
        ({"actor_label": "", "trouble": "sign-in refused"}, None, None, "gjobs  host/app · ✗ sign-in refused"),
        ({"database": "h\x1b[31m", "actor_label": "a\n\u202eb"}, None, 1.0, "gjobs  h␛[31m · as a⏎␦b · live every 2 s"),
        (
            LOCAL,
            100,
            1.0,
            "gjobs  DATABASE_URL 127.0.0.1:55870/postgres · as the operator · may write · live every 2 s",
        ),
        (LOCAL, 80, 1.0, "gjobs  127.0.0.1:55870/postgres · as the operator · may write · live every 2 s"),
        (REMOTE, 80, 1.0, "gjobs  aws-0-…/postgres · as the operator · not encrypted · read-only · live"),
        (NAMED, 90, 1.0, f"The production database  db.example.com/app · {LIVE}"),
        (NAMED, 80, 1.0, f"The production database  {LIVE}"),
        (NAMED, 55, 1.0, f"The production…  {LIVE}"),
        (NAMED, 48, 1.0, "The product…  as ada@example… · live every 2 s"),
        (EMBEDDED, 90, 1.0, f"gjobs  /home/ada/.local/share/gjobs/socke…/shop · {LIVE}"),
        (EMBEDDED, 80, 1.0, f"gjobs  /home/ada/.local/sha…/shop · {LIVE}"),
        ({**REMOTE, **SLOW}, 80, 1.0, "aws-0-e… · as the ope… · not encrypted · read-only · live every 8 s, 808 ms"),
        ({**LOCAL, **SLOW}, 60, 1.0, "127.0.0… · as the ope… · may write · live every 8 s, 808 ms"),
        ({**LOCAL, **SLOW, "read_only": True}, 60, 1.0, "127.0.0… · as the ope… · read-only · live every 8 s, 808 ms"),
        (EMBEDDED, 60, 1.0, "gjobs  /home/…/shop · as ada@example… · live every 2 s"),
        (EMBEDDED, 50, 1.0, "gjobs  /h…/shop · as ada@exa… · live every 2 s"),
    ],
)
def test_header_shows_the_connection_status_and_shortens_names_before_it(
    fields: dict[str, object], width: int | None, data_age: float | None, text: str
) -> None:
    assert status_content(make_status(**fields), data_age=data_age, width=width).plain == f" {text}"
