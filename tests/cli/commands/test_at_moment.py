"""`--at`: the commands that show an earlier moment, and those that refuse it."""

import json
from datetime import datetime

from gjobs.store.jobs.job_results import log_start_words
from gjobs.store.values.formats import plain_time
from gjobs.tui.text.format import moment_words
from tests.cli.cli_rows import ADA, AUTUMN, MISSING, QUEUED, RUNNING, SUCCEEDED
from tests.cli.command_line import Run, Sql, assert_refused


def moment_of(sql: Sql) -> str:
    ((time,),) = sql("select clock_timestamp()")
    assert isinstance(time, datetime)
    return time.isoformat()


def test_lists_details_and_numbers_are_shown_as_they_were(gjobs: Run, sql: Sql) -> None:
    ada = ("--as", "ada@example.com")
    listed = gjobs("jobs", "list", *ada, "--json").document
    numbers = gjobs("stats", "--json").document["by_status"]
    at = ("--at", moment_of(sql))
    sql("update generation_jobs set status = 'succeeded', cost_cents = 1 where id = %s", QUEUED)
    sql("delete from generation_jobs where id = %s", RUNNING)

    then = gjobs(*at, "jobs", "list", *ada, "--json").document
    former = {job["id"]: job for job in listed}
    by_id = {job["id"]: job for job in then}
    assert by_id[str(SUCCEEDED)] == {**former[str(SUCCEEDED)], "unrecorded": []}
    assert "created_at" in by_id[str(RUNNING)]["unrecorded"]
    assert by_id[str(QUEUED)]["status"] == "queued"
    assert gjobs("stats", *at, "--json").document["by_status"] == numbers
    shown = gjobs("jobs", "show", str(QUEUED), *at)
    assert "status        queued" in shown.out
    assert "not recorded  input asset, update time" in shown.out
    assert "input asset   ?\n" in shown.out
    assert "updated       ? 20" in shown.out
    assert "created       20" in shown.out
    assert gjobs("jobs", "show", str(QUEUED), *at, "--json").document["status"] == "queued"
    shown_moment = f"As of {moment_words(datetime.fromisoformat(at[1]), None)}.\n"
    for command in (
        ("jobs", "list", *ada),
        ("stats",),
        ("jobs", "show", str(QUEUED)),
        ("jobs", "show", str(QUEUED), "--events"),
    ):
        assert shown_moment in gjobs(*command, *at).err
        assert gjobs(*command, *at, "--json").err == ""
    table = gjobs("jobs", "list", *ada, *at).out
    assert [line for line in table.splitlines() if str(RUNNING) in line and " ? " in line]
    sql("delete from generation_jobs where id = %s", QUEUED)
    events = gjobs("jobs", "show", str(QUEUED), "--events", *at, "--json").document
    assert [event["kind"] for event in events["events"]] == ["created"]
    frame = gjobs("snapshot", *at, "--size", "140x30", *ada)
    assert "as of 20" in frame.out
    assert "writes are off" in frame.out


def test_job_that_was_created_later_is_not_called_hidden(gjobs: Run, sql: Sql) -> None:
    at = ("--at", moment_of(sql))
    sql(
        "insert into generation_jobs (id, user_id, project_id, mode, status)"
        " values (%s, %s, %s, 'lifestyle', 'queued')",
        *(MISSING, ADA, AUTUMN),
    )
    reason = f"There was no job {MISSING} at this moment, or this user did not see it.\n"
    for more in ((), ("--events",)):
        show = ("jobs", "show", str(MISSING), *more, *at)
        of_user = "Use another time, leave --at out, or add --as operator."
        assert_refused(gjobs(*show, "--as", "ada@example.com"), 1, reason + of_user)
        assert_refused(gjobs(*show, "--as", "operator"), 1, f"{reason}Use another time, or leave --at out.")


def test_moment_and_history_say_how_far_back_the_log_reaches(gjobs: Run, sql: Sql) -> None:
    sql("update generation_jobs set status = 'succeeded' where id = %s", RUNNING)
    sql("update gjobs.job_event_log set at = at - interval '99 d' where kind = 'created'")
    assert gjobs("fold").code == 0
    ((begins_at,),) = sql("select begins_at from gjobs.log_start")
    assert isinstance(begins_at, datetime)
    words = log_start_words(begins_at)
    refused = gjobs("jobs", "list", "--at", "91d", "--json")
    error = json.loads(refused.err.splitlines()[-1])["error"]
    assert (refused.code, error["kind"], error["message"]) == (2, "before_log", words)
    assert error["log_begins_at"] == plain_time(begins_at)
    history = ("jobs", "show", str(RUNNING), "--events", "--as", "ada@example.com")
    for at in ((), ("--at", "0s")):
        assert gjobs(*history, *at).err.endswith(f"\n{words}\n")
        assert gjobs(*history, *at, "--json").document["log_begins_at"] == plain_time(begins_at)
    case = gjobs("case", str(RUNNING))
    assert words in case.out
    (timeline,) = (one for one in gjobs("case", str(RUNNING), "--json").document["events"] if one["events"])
    assert timeline["log_begins_at"] == plain_time(begins_at)
