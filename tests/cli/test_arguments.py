"""Arguments: parsing, and the explanation of mistakes."""

import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gjobs.store.jobs.job import JobStatus
from gjobs.store.jobs.job_results import PageKey
from gjobs.store.values.formats import plain_time
from gjobs.tui.cli import arguments
from gjobs.tui.cli.output import BadArgument
from tests.cli.cli_rows import FAILED, QUEUED
from tests.cli.command_line import Run, assert_refused

ID = UUID(int=7)

INVALID_PAGE_KEYS = (
    *("", ",", "2026-01-04T00:00:00Z", f"2026-01-04,{ID}", f"2026-01-04T00:00:00,{ID}", f"soon,{ID}"),
    *(f"9999-12-31T23:59:59-05:00,{ID}", f"999999-01-01T00:00:00Z,{ID}", f"294277-06-01T00:00:00Z,{ID}"),
    *(f"5000-01-01T00:00:00Z BC,{ID}", f"0000-01-01T00:00:00Z,{ID}"),
)

INVALID_TIMES = ("", "h", "-3h", "1.5h", "yesterday", "9999999999999d", "0001-01-01T00:00+14:00")

INVALID_SIZES = ("", "120", "x", "120x", "0x24", "80x-1", "9999x24", "80x24x2")


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_printed_page_key_can_be_parsed_again(created_at: datetime, job_id: UUID) -> None:
    key = PageKey(created_at=created_at, id=job_id)
    assert arguments.page_key(f"{plain_time(created_at)},{job_id}") == key


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (arguments.size, "120x36", (120, 36)),
        (arguments.size, "80X24", (80, 24)),
        (arguments.identifier, str(ID), ID),
        (arguments.status, "queued", JobStatus.QUEUED),
        (arguments.since, "30m", timedelta(minutes=30)),
        (arguments.since, "24h", timedelta(hours=24)),
        (arguments.since, "7d", timedelta(days=7)),
        (arguments.since, "99999999d", timedelta(days=36_500)),
        (arguments.since, "2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        (arguments.since, "2026-01-31T12:00+02:00", datetime(2026, 1, 31, 10, tzinfo=UTC)),
    ],
)
def test_argument_is_parsed(read: Callable[[str], object], text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        *((arguments.page_key, text, "CREATED_AT,ID") for text in INVALID_PAGE_KEYS),
        *((arguments.size, text, "is not a size") for text in INVALID_SIZES),
        *((arguments.since, text, "is not a time") for text in INVALID_TIMES),
        (arguments.identifier, "7", "7"),
        (arguments.status, "QUEUED", "QUEUED"),
        (arguments.whole_number, "1.0", r"1\.0"),
    ],
)
def test_invalid_argument_is_rejected(read: Callable[[str], object], text: str, words: str) -> None:
    with pytest.raises(BadArgument, match=words):
        read(text)


DB_VERBS = ("url", "start", "stop", "status", "reset")

INVALID_AGES = ("30", "0d", "-1d", "d", "36501d", "''")

SET_BUDGET = "budgets set --project 'Autumn catalog' --period all"


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--json", "no JSON form"),
        ("demo --json", "no JSON form"),
        *((f"demo --speed {speed}", "0.5 to 10") for speed in ("0.4", "11", "nan", "fast")),
        ("--tour jobs list", "Only the dashboard has a tour.\nLeave --tour out."),
        ("snapshot --json", "no JSON form"),
        ("worker --simulate --json", "no JSON form"),
        ("--write 'ticket 4711'", "press W to enter a reason"),
        ("snapshot --write 'ticket 4711'", "writes nothing"),
        ("demo --as ada@example.com", "Leave --as, --read-only and --write out."),
        ("demo --read-only", "Leave --as, --read-only and --write out."),
        ("demo --write 'why not'", "Leave --as, --read-only and --write out."),
        ("journal --as ada@example.com", "This command opens no database.\nLeave --as out.\n"),
        ("journal --read-only", "This command opens no database.\nLeave --read-only out.\n"),
        ("journal --database-url postgresql://x", "This command opens no database.\nLeave --database-url out.\n"),
        ("journal --limit 0", "limit"),
        ("jobs show 3f2", "'3f2' is not an id, and not the first 4 or more hexadecimal digits of one."),
        *((f"db {verb} --database-url postgresql:///x", "--database-url") for verb in DB_VERBS),
        *((f"jobs list --limit {limit}", "imit") for limit in ("0", "10001", "-1", "many")),
        (f"jobs transition {QUEUED} runing", "Did you mean 'running'?"),
        ("projects create Winter", "--as EMAIL"),
        ("projects create '  ' --as ada@example.com", "is empty"),
        (f"projects create {'x' * 201} --as ada@example.com", "the most is 200."),
        *((f"cleanup --older-than={age} --delete --yes", "Argument --older-than: ") for age in INVALID_AGES),
        ("archive restore --yes", "Choose the jobs to restore."),
        ("archive restore --yes --all --status failed", "--all can't be combined with --project, --status or --since."),
        (f"archive restore --yes {FAILED} --all", "Ids can't be combined with other options."),
        ("budgets set --period day --limit 1", "One of the arguments --user --project is required."),
        ("budgets set --user a --project b --period day --limit 1", "not allowed with"),
        (f"{SET_BUDGET} --limit 12.5", "Use whole cents (1250) or dollars (12.50)"),
        (f"{SET_BUDGET} --limit 1 --warn 80", "Use one such as 80% or 0.8"),
        ("budgets set --user a --period week --limit 1", "Use one of day, month, all"),
        (f"{SET_BUDGET} --limit 99999999999999.00", "from 0 to 1,000,000,000,000,000"),
        ("budgets set --user '' --period day --limit 1", "the value is empty"),
        ("budgets check --cost-cents 1", "--project"),
        ("stats --window 7d", "--window needs --by mode."),
        ("stats --by mode --window 0d", "'0d' is not an age"),
        ("stats --by mode --archive", "--archive"),
        ("metrics --serve 70000", "'70000' is not a port"),
        ("watch --until 'faild>1'", "'faild' is not known. Did you mean 'failed'?"),
        ("watch --exec no-such-program", "There is no program 'no-such-program'."),
        ("watch --webhook example.com", "--webhook needs an http(s) URL."),
        ("watch --webhook https://example.com", "Webhooks are signed, but no secret is set."),
        ("watch --filter staus:failed", "staus"),
        ("watch --resume /", "is not a resume file of 'gjobs watch'."),
        ("worker", "A worker needs either MODULE:REGISTRY or --simulate."),
        ("worker some_handlers:registry --simulate", "A worker needs either MODULE:REGISTRY or --simulate."),
        ("worker some_handlers", "is not MODULE:REGISTRY"),
        ("worker no_such_module:registry", "There is no module 'no_such_module'."),
        ("worker json:loads", "has no registry 'loads'"),
        ("worker --simulate --concurrency 0", "must be at least 1."),
        ("worker --simulate --lease 0s", "is not a length of time"),
        ("worker --simulate --lease 'a while'", "Use a number with s, m, h, d or w, such as 30s"),
    ],
)
def test_invalid_command_line_is_explained(gjobs: Run, monkeypatch: pytest.MonkeyPatch, line: str, words: str) -> None:
    monkeypatch.delenv("GJOBS_WEBHOOK_SECRET", raising=False)
    assert_refused(gjobs(*shlex.split(line)), 2, words)
