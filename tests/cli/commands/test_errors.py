"""`gjobs errors`."""

import pytest

from gjobs.store.error_groups.error_group import group_id
from gjobs.store.errors import TimedOut
from gjobs.store.store import Store
from gjobs.tui.cli.commands.stats import SHORTER
from tests.cli.cli_rows import ADA, AUTUMN, BEN, BENS_JOB, FAILED, QUEUED, SUCCEEDED
from tests.cli.command_line import Run, Sql, assert_refused

pytestmark = pytest.mark.usefixtures("url")

TIMEOUT = group_id("API timeout")
HOSTILE = "[/red]\x1b[2J\u202eno 7\n" + "\x07" * 1_000_000
GROUP_FIELDS = [
    "id",
    "fingerprint",
    "count",
    "first_seen",
    "last_seen",
    "modes",
    "mode_count",
    "users",
    "user_count",
    "cost_cents",
    "trend",
    "example_job_id",
    "example",
]


def test_errors_groups_failures_as_json_and_as_a_table(gjobs: Run, sql: Sql) -> None:
    sql("update generation_jobs set completed_at = now(), updated_at = now() where status = 'failed'")
    for job, error in ((SUCCEEDED, '{"message": "API timeout"}'), (BENS_JOB, HOSTILE)):
        sql(
            "update generation_jobs set status = 'failed', error = %s, completed_at = now() - interval '2 days',"
            " updated_at = now() where id = %s",
            *(error, job),
        )
    found = gjobs("errors", "--json").document
    assert [found[name] for name in ("window", "limit", "complete", "failures", "group_count")] == [
        "7d",
        20_000,
        True,
        3,
        2,
    ]
    timeout, other = found["groups"]
    assert list(timeout) == GROUP_FIELDS
    assert [timeout[name] for name in ("id", "fingerprint", "count", "modes", "users", "cost_cents")] == [
        *(TIMEOUT, "API timeout", 2, ["feature_callout", "main_white"], [str(ADA)], 268),
    ]
    assert (timeout["example_job_id"], timeout["example"]) == (str(FAILED), "API timeout")
    assert other["example"] == HOSTILE[:4_000]
    assert (other["fingerprint"], other["users"]) == ("[/red]\x1b[#J\u202eno #", [str(BEN)])

    shown = gjobs("errors")
    titles, first, second = shown.out.splitlines()
    assert titles.split() == ["GROUP", "FAILED", "TREND", "LAST", "FIRST", "USERS", "COST", "ERROR", "MODES"]
    assert first.split()[:2] == [TIMEOUT, "2"]
    assert first.split()[-9:] == ["2", "d", "ago", "1", "$2.68", "API", "timeout", "feature_callout,", "main_white"]
    assert "[/red]␛[#J␦no #" in second
    assert shown.err == "3 failures in the last 7 d, 2 groups. At most 20,000 are read.\n"

    as_ben = gjobs("errors", "--as", "ben@example.com", "--json").document
    assert [group["id"] for group in as_ben["groups"]] == [other["id"]]
    narrowed = gjobs(
        "errors", "--project", str(AUTUMN), "--filter", "mode:main_white", "--window", "3d", "--json"
    ).document
    assert (narrowed["window"], [group["count"] for group in narrowed["groups"]]) == ("3d", [1])
    statuses = "The term status: does not apply, because only failed jobs are grouped.\n"
    for terms, sentences in (
        (
            "mode:main_white",
            "1 failure in the last 3 d that matches mode:main_white, 1 group. At most 20,000 are read.\n",
        ),
        (
            "-mode:main_white",
            "2 failures in the last 3 d that match -mode:main_white, 2 groups. At most 20,000 are read.\n",
        ),
        ("status:queued", f"{statuses}3 failures in the last 3 d, 2 groups. At most 20,000 are read.\n"),
        ("status:queued mode:none", f"{statuses}No job that matches mode:none failed in the last 3 d.\n"),
    ):
        assert gjobs("errors", f"--filter={terms}", "--window", "3d").err == sentences
    listed = gjobs("jobs", "list", "--filter", f"error-group:{TIMEOUT}", "--json").document
    assert {job["id"] for job in listed} == {str(FAILED), str(SUCCEEDED)}


def test_errors_that_take_too_long_name_a_way_out(gjobs: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def take_too_long(*_: object, **__: object) -> None:
        raise TimedOut("The database took too long.", sqlstate="57014")

    monkeypatch.setattr(Store, "get_error_groups", take_too_long)
    assert_refused(gjobs("errors"), 4, "The database took too long.", SHORTER)


def test_errors_without_failures_say_so(gjobs: Run, sql: Sql) -> None:
    empty = gjobs("errors", "--window", "1h")
    assert (empty.code, empty.out) == (0, "")
    assert empty.err == "No job failed in the last 1 h.\n"
    assert gjobs("errors", "--json").document["groups"] == []
    assert_refused(gjobs("errors", "--window", "soon"), 2, "'soon' is not an age")
    assert_refused(gjobs("errors", "--filter", f"error-group:{str(QUEUED)[:4]}"), 2, "is not the id of an error group")


def test_table_of_errors_stays_narrow_in_a_pipe(gjobs: Run, sql: Sql) -> None:
    sql(
        "update generation_jobs set status = 'failed', error = %s, mode = %s, completed_at = now(), updated_at = now()",
        *("a long error " * 30, "a_long_mode_" * 10),
    )
    lines = gjobs("errors").out.splitlines()
    assert len(lines) == 2
    assert max(map(len, lines)) <= 120
    assert "a long error" in lines[1]
