"""`gjobs worker` runs jobs, and `gjobs workers` lists workers."""

import asyncio
import re
import signal
import sys
from pathlib import Path
from types import ModuleType
from uuid import UUID

import pytest

from gjobs.store.capabilities.capability import DatabaseFacts
from gjobs.store.configuration.settings import Pooler
from gjobs.store.worker.handlers import Registry, Retry, Work
from gjobs.tui.manual.pages import page_source
from tests.cli.cli_rows import AUTUMN, FAILED, QUEUED
from tests.cli.command_line import OpenTerminal, Run, Sql, UseProfile, assert_refused, run_process
from tests.conftest import Conninfo
from tests.store.store_fixtures import altered

pytestmark = pytest.mark.usefixtures("url")


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The handlers of the manual's example in the current directory, as named on the command line."""
    _, _, code = page_source("workers").partition("<!-- handlers -->\n```python\n")
    (tmp_path / "example_handlers.py").write_text(code.partition("```")[0])
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "example_handlers:registry"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """The registry of a module `some_handlers`."""
    module = ModuleType("some_handlers")
    module.registry = registry = Registry()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return registry


def test_worker_runs_the_queued_jobs_with_the_handlers_of_the_manual(gjobs: Run, sql: Sql, example: str) -> None:
    assert gjobs("worker", example, "--once", "--mode", "of no job").code == 0
    assert sql("select status from public.generation_jobs where id = %s", QUEUED) == [("queued",)]

    done = gjobs("worker", example, "--once", "--concurrency", "2")

    assert (done.code, done.out) == (0, "")
    assert re.match(r"Database: world \(.+\)\.\nWorker [0-9a-f-]{36}: all modes\.\n", done.err)
    assert f"{QUEUED} " in done.err
    assert " succeeded (" in done.err
    assert sql("select count(*) from public.generation_jobs where status = 'queued'") == [(0,)]
    assert sql("select status, cost_cents from public.generation_jobs where id = %s", QUEUED) == [("succeeded", 12)]
    assert sql("select count(*) from gjobs.workers where stopped_at is not null") == [(2,)]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("\nraise ValueError('no \x1b key')", "broken cannot be imported: ValueError: no ␛ key (broken.py, line 2)"),
        ("def", "broken cannot be imported: SyntaxError: invalid syntax (broken.py, line 1)"),
        ("raise SystemExit(3)", "broken cannot be imported: SystemExit: 3 (broken.py, line 1)"),
        ("import no_such_module", "There is no module 'no_such_module'."),
    ],
)
def test_handler_module_that_cannot_be_imported_is_reported(
    gjobs: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    (tmp_path / "broken.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))

    done = gjobs("worker", "broken:registry")

    assert done.code == 2
    assert done.err.splitlines()[0] == words


def test_worker_reports_jobs_that_wait_for_another_attempt(gjobs: Run, sql: Sql, registry: Registry) -> None:
    @registry.handler()
    def wait(work: Work) -> None:
        if work.job.id == QUEUED:
            raise Retry("busy", after=3600)

    done = gjobs("worker", "some_handlers:registry", "--once")

    assert done.code == 0
    assert done.err.splitlines()[-1] == "1 job waits for another attempt. Any running worker can claim it."
    assert sql("select status from public.generation_jobs where id = %s", QUEUED) == [("running",)]


def test_stopping_worker_reports_what_happens_to_its_jobs(gjobs: Run, registry: Registry) -> None:
    @registry.handler()
    async def last(work: Work) -> None:
        while True:
            signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(0.01)

    done = gjobs("worker", "some_handlers:registry", "--concurrency", "1")

    assert done.code == 0
    _, _, first, second, *_ = done.err.splitlines()
    assert first == "Stopping: running jobs have 30 s to finish. Stop again to release them at once."
    assert second == "Releasing the running jobs."
    assert "released (" in done.err


STUBBORN = """
import asyncio, signal
from gjobs.store.worker import Registry, attempt

attempt.STOP_SECONDS = 0.1
registry = Registry()

@registry.handler()
async def stubborn(work):
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)
    while True:
        try:
            await asyncio.sleep(60)
        except BaseException:
            pass
"""


def test_worker_ends_though_a_handler_does_not_stop(sql: Sql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stubborn_handlers.py").write_text(STUBBORN)
    monkeypatch.chdir(tmp_path)
    done = run_process("worker", "stubborn_handlers:registry", "--concurrency", "1")

    assert done.code == 0, done.err
    assert "its handler does not stop. The worker no longer waits for it." in done.err
    assert "released (" in done.err
    assert sql("select count(*) from gjobs.workers where stopped_at is null") == [(0,)]


PRINTING = """
import asyncio, os
from gjobs.store.worker import Registry

registry = Registry()

@registry.handler()
async def printing(work):
    print("started")
    # The worker discards its messages when it stops.
    while os.stat(2).st_rdev != os.stat(os.devnull).st_rdev:
        await asyncio.sleep(0.01)
    print("done")
"""


def test_running_job_succeeds_although_the_terminal_of_its_worker_closes(
    sql: Sql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_terminal: OpenTerminal
) -> None:
    (tmp_path / "printing_handlers.py").write_text(PRINTING)
    monkeypatch.chdir(tmp_path)
    sql("update public.generation_jobs set mode = 'printing' where id = %s", QUEUED)
    terminal = open_terminal("worker", "printing_handlers:registry", "--mode", "printing")
    terminal.read_until("started")

    assert terminal.hang_up() == -signal.SIGHUP
    assert sql("select status from public.generation_jobs where id = %s", QUEUED) == [("succeeded",)]
    assert sql("select count(*) from gjobs.workers where stopped_at is null") == [(0,)]


def test_handler_traceback_is_shown_only_in_debug_mode(
    gjobs: Run, sql: Sql, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    @registry.handler()
    def fail(work: Work) -> None:
        raise RuntimeError("no \x1b key")

    worker = ("worker", "some_handlers:registry", "--once")
    monkeypatch.setenv("GJOBS_DEBUG", "1")
    shown = gjobs(*worker).err
    assert "in fail\n" in shown
    assert "\nRuntimeError: no ␛ key\n" in shown
    monkeypatch.delenv("GJOBS_DEBUG")
    sql("update public.generation_jobs set status = 'queued' where status = 'failed' and id = %s", QUEUED)
    again = gjobs(*worker).err
    assert f"{QUEUED} lifestyle failed: RuntimeError" in again
    assert "Traceback" not in again


def test_lease_option_sets_the_lease_duration(gjobs: Run, sql: Sql, registry: Registry) -> None:
    durations: list[object] = []

    @registry.handler()
    def read_lease(work: Work) -> None:
        durations.extend(sql("select round(extract(epoch from expires_at - acquired_at)) from gjobs.job_leases"))

    assert gjobs("worker", "some_handlers:registry", "--once", "--concurrency", "1", "--lease", "1m30s").code == 0
    assert set(durations) == {(90,)}


def test_worker_with_retention_applies_the_policies(gjobs: Run, sql: Sql, example: str) -> None:
    policy = ("--older-than", "30d", "--project", "Autumn catalog", "--status", "failed")
    gjobs("cleanup", "policies", "set", *policy, "--yes")

    done = gjobs("worker", example, "--once", "--cleanup")

    assert done.code == 0
    assert f"Archived 1 job. Policy: older than 30d, project {AUTUMN}.\n" in done.err
    assert sql("select id from gjobs.archived_jobs") == [(FAILED,)]
    as_ada = gjobs("worker", example, "--once", "--cleanup", "--as", "ada@example.com")
    assert_refused(as_ada, 2, "Leave --as out.")


@pytest.mark.parametrize("pooler", list(Pooler))
def test_worker_uses_the_pooler_setting_of_its_profile(
    gjobs: Run,
    use_profile: UseProfile,
    database: Conninfo,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    pooler: Pooler,
) -> None:
    used: list[Pooler | None] = []

    def may_listen(_facts: DatabaseFacts, pooler_setting: Pooler | None) -> bool:
        used.append(pooler_setting)
        return False

    registry.handler()(lambda work: None)
    monkeypatch.setattr("gjobs.store.worker.worker.may_listen", may_listen)
    use_profile("pooled", database, pooler=pooler.value)

    assert gjobs("worker", "some_handlers:registry", "--once").code == 0
    assert used == [pooler]


def test_workers_lists_workers_with_their_leased_jobs(gjobs: Run, sql: Sql) -> None:
    sql(
        "insert into gjobs.workers (id, name, host, process, modes, concurrency, seen_at) values"
        " (gen_random_uuid(), 'busy', 'h', 1, '{lifestyle}', 4, now()),"
        " (gen_random_uuid(), 'dead', 'h', 2, null, 4, now() - interval '1 hour') returning id"
    )
    ((claimed,),) = sql("select c.id from gjobs.workers w, gjobs.claim_jobs(w.id, null, 1, 60) c where w.name = 'busy'")

    found = {worker["name"]: worker for worker in gjobs("workers", "--json").document}

    assert [found[name]["state"] for name in ("busy", "dead")] == ["alive", "silent"]
    assert [found[name]["held_jobs"] for name in ("busy", "dead")] == [1, 0]
    ((job,), none) = (found[name]["jobs"] for name in ("busy", "dead"))
    assert (job["id"], job["attempt"], job["note"], none) == (str(claimed), 1, None, [])
    assert (found["busy"]["modes"], found["dead"]["modes"]) == (["lifestyle"], None)
    sql("update gjobs.job_leases set acquired_at = now() - interval '26 hours' returning job_id")
    assert re.search(r"busy +alive +1 of 4 +1 d 02 h ", gjobs("workers").out)


WORKER = UUID(int=0xF1)


def test_workers_as_a_user_reports_jobs_held_by_workers_of_the_operator(gjobs: Run, sql: Sql) -> None:
    sql(
        "insert into gjobs.workers (id, name, host, process, concurrency) values (%s, 'w', 'h', 1, 4) returning id",
        WORKER,
    )
    found = gjobs("workers", "--as", "ada@example.com")
    assert found.err == "0 jobs of ada@example.com are held by workers. Only the operator sees the workers.\n"
    sql("select id from gjobs.claim_jobs(%s, null, 100, 60)", WORKER)
    ((number,),) = sql(
        "select count(*) from public.generation_jobs j join auth.users u on u.id = j.user_id"
        " join gjobs.job_leases l on l.job_id = j.id where u.email = 'ada@example.com'"
    )
    assert number

    found = gjobs("workers", "--as", "ada@example.com")
    jobs = "1 job of ada@example.com is" if number == 1 else f"{number} jobs of ada@example.com are"
    assert found.err.startswith(f"{jobs} held by workers. Only the operator sees the workers.")
    as_json = gjobs("workers", "--as", "ada@example.com", "--json")
    assert (as_json.document, as_json.err) == ([], found.err)
    assert gjobs("workers").err == ""
    sql("delete from gjobs.job_leases")
    sql("delete from gjobs.workers")
    assert gjobs("workers", "--json").err == ""


def test_workers_as_a_user_reports_partial_claims(gjobs: Run, sql: Sql) -> None:
    policy = (
        "create policy partial on public.generation_jobs as restrictive for select"
        " using (coalesce(auth.jwt() ->> 'org_id', mode) = mode)"
    )
    with altered(sql, policy, "drop policy partial on public.generation_jobs"):
        for options in ([], ["--json"]):
            printed = gjobs("workers", "--as", "ada@example.com", *options)
            assert "Partial claims: policies read org_id" in printed.err, options
