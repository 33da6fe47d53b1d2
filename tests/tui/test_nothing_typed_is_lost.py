"""What was typed or pasted is kept until it has been stored."""

from textual import events

from store.jobs.job import JobStatus
from tests.tui.driving import Driver
from tests.tui.world import JobsDatabase, short
from tui.dashboard.widgets import TextField


def field_of(dashboard: Driver) -> TextField:
    field = dashboard.app.focused
    assert isinstance(field, TextField)
    return field


async def test_fail_dialog_keeps_its_text_when_the_change_is_refused(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.press("down", "f")
    await dashboard.until(lambda: dashboard.dialog == f"Fail packaging {short(2)}")
    await dashboard.type("Test error")
    jobs_db.sql("update public.generation_jobs set status = 'succeeded' where status = 'running'")

    await dashboard.press("enter")
    await dashboard.shows("Only a running job can be failed; this one is succeeded")

    assert field_of(dashboard).value == "Test error"
    assert jobs_db.status(2) is JobStatus.SUCCEEDED


async def test_pasted_stack_trace_is_stored_with_all_its_lines(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    stack = "Error: API timeout\n    at a.ts\n    at b.ts"
    await dashboard.press("down", "f")
    await dashboard.until(lambda: dashboard.dialog == f"Fail packaging {short(2)}")
    field_of(dashboard).post_message(events.Paste(stack))
    await dashboard.until(lambda: field_of(dashboard).value == stack)

    await dashboard.press("enter")
    await dashboard.until(lambda: jobs_db.status(2) is JobStatus.FAILED)

    assert jobs_db.sql("select error from public.generation_jobs where error = %s", stack) == [(stack,)]
