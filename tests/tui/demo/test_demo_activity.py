"""The demo: its workers and users on a real database, and scenarios from TOML."""

import asyncio
import logging
import string
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gjobs.store.database.database import Database
from gjobs.store.errors import BadConfiguration, Unreachable
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.sample.sample_data import sample
from gjobs.store.sample.simulation import SimulatedClock, Simulation
from gjobs.store.store import Store
from gjobs.store.values.formats import utc_now
from gjobs.store.worker.worker import Worker
from gjobs.tui.dashboard.panels.footer import pinned_text
from gjobs.tui.dashboard.widgets.message_board import PinnedText
from gjobs.tui.demo.demo_activity import DemoActivity, DemoControl
from gjobs.tui.demo.scenario_steps import (
    STEP_KINDS,
    ActAs,
    Burst,
    Change,
    Create,
    KillWorker,
    Outage,
    PointAt,
    Say,
    Scenario,
    Wait,
    WaitFor,
    load_scenario,
    parse_scenario,
    scenario_names,
)
from gjobs.tui.text.clean_text import ELLIPSIS
from tests.conftest import Conninfo
from tests.tui.dashboard.presenter.demo_dashboard import steps


async def test_demo_finishes_the_running_jobs_of_the_sample_except_the_stuck_one(demo_database: Conninfo) -> None:
    known = {job.id for job in sample(utc_now()).jobs}
    activity = DemoActivity(demo_database, SimulatedClock(speed=500), lease_seconds=1.0)
    async with activity, Store(Database(demo_database)) as operator:

        async def has_worked() -> bool:
            ended = await operator.get_jobs_by_status(JobStatus.SUCCEEDED, limit=10)
            running = await operator.get_jobs_by_status(JobStatus.RUNNING)
            unfinished = [job for job in running if job.id in known]
            return all(job.id not in known for job in ended) and len(unfinished) == 1

        async with asyncio.timeout(60):
            while not await has_worked():  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        (stuck,) = [job for job in await operator.get_jobs_by_status(JobStatus.RUNNING) if job.id in known]
        assert utc_now() - stuck.created_at > timedelta(hours=5)


async def test_another_worker_takes_over_the_jobs_of_a_killed_worker_which_is_silent(demo_database: Conninfo) -> None:
    clock = SimulatedClock(speed=0.001)  # No job ends yet.
    async with DemoActivity(
        demo_database, clock, workers=["render-1"], has_customers=False, lease_seconds=1.0
    ) as activity:
        operator = activity.operator

        async def held() -> set[UUID]:
            return {one.job_id for one in (await operator.get_workers_overview()).held if one.owner is not None}

        async def are_running(jobs: set[UUID]) -> bool:
            found = [await operator.get_generation_job(job) for job in jobs]
            return any(job is not None and job.status is JobStatus.RUNNING for job in found)

        async def names_of_workers(*, alive: bool) -> list[str]:
            workers = (await operator.get_workers_overview()).workers
            assert all(one.started_at <= one.seen_at for one in workers)
            return sorted(one.name for one in workers if one.is_alive == alive)

        async with asyncio.timeout(60):
            while len(left := await held()) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            await activity.kill_worker("render-1")
            assert await held() == left
            activity.start_worker("render-2")
            clock.set_speed(500)
            while await are_running(left):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            activity.start_worker("render-1")
            now = {True: ["render-1", "render-2"], False: ["render-1"]}
            while {alive: await names_of_workers(alive=alive) for alive in now} != now:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_workers_of_a_paused_demo_claim_one_job_for_each_step(demo_database: Conninfo) -> None:
    clock = SimulatedClock(speed=0.001)
    clock.set_paused(True)
    async with DemoActivity(demo_database, clock, workers=["render-1"], has_customers=False) as activity:

        async def held() -> set[UUID]:
            return {one.job_id for one in (await activity.operator.get_workers_overview()).held if one.owner}

        async with asyncio.timeout(60):
            while (job := await activity.claim_one()) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            assert await held() == {job.id}
            clock.set_paused(False)
            while len(await held()) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    assert clock.on_pause_change == []


async def test_step_logs_a_failed_claim_and_tries_the_next_worker(
    database: Conninfo, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = list[str]()

    async def claim_one(worker: Worker) -> GenerationJob | None:
        asked.append(worker.facts.name)
        if worker.facts.name == "render-1":
            raise Unreachable("The connection was lost.")
        return None

    monkeypatch.setattr(Worker, "claim_one", claim_one)
    caplog.set_level(logging.INFO, "gjobs.tui.demo")
    clock = SimulatedClock()
    clock.set_paused(True)
    async with DemoActivity(database, clock, workers=["render-1", "render-2"], has_customers=False) as activity:
        assert await activity.claim_one() is None
    assert asked == ["render-1", "render-2"]
    assert "render-1 could not claim a job: The connection was lost." in caplog.messages


async def test_failed_task_is_raised_after_all_is_closed(database: Conninfo, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise LookupError("A mistake in the simulation")

    closed: list[Store] = []
    close = Store.close

    async def note(store: Store) -> None:
        closed.append(store)
        await close(store)

    monkeypatch.setattr(Store, "close", note)
    monkeypatch.setattr(Simulation, "queue_jobs", fail)
    monkeypatch.setattr(Worker, "run", fail)
    activity = DemoActivity(database, SimulatedClock(speed=500), workers=["render-1", "render-2"], has_crashes=False)
    with pytest.raises(LookupError, match="A mistake"):
        async with activity:
            await asyncio.sleep(0)
    assert len(closed) == 3
    assert closed[-1] is activity.operator


async def test_late_end_of_an_activity_keeps_the_activity_of_the_next_database(database: Conninfo) -> None:
    control = DemoControl()
    former, current = (DemoActivity(database, control.clock, workers=()) for _ in range(2))
    with ExitStack() as closing:
        closing.enter_context(control.running(former))
        with control.running(current):
            closing.close()
            assert control.activity is current
        assert control.activity is None


FILE = Path("talk.toml")
HEAD = 'title = "Talk"\nworkers = ["render-1"]\n'


def parse(text: str) -> Scenario:
    return parse_scenario(text.encode(), path=FILE)


def problems(text: str) -> list[str]:
    with pytest.raises(BadConfiguration) as refused:
        parse(text)
    return [problem.removeprefix("talk.toml, ").removeprefix("talk.toml ") for problem in refused.value.problems]


EVERY_KIND = steps(
    'say = "Hello"\nseconds = 3',
    "wait = 2.5",
    'wait-for = "failure"\nseconds = 30',
    'create = "a"\nmode = "packaging"\nproject = "Spring lookbook"\ncost = "$1.20"',
    'start = "a"',
    'fail = "a"\nerror = "Broken"',
    "burst = 5",
    'outage = "lifestyle"',
    'kill-worker = "render-1"',
    'act-as = "operator"',
    'point-at = "a"',
)


def test_every_kind_of_step_is_read() -> None:
    scenario = parse(HEAD + EVERY_KIND)
    assert scenario == Scenario(
        title="Talk",
        workers=("render-1",),
        has_customers=False,
        steps=[
            Say(text="Hello", seconds=3),
            Wait(seconds=2.5),
            WaitFor(what="failure", seconds=30),
            Create(name="a", mode="packaging", project="Spring lookbook", cost_cents=120),
            Change(name="a", to="start"),
            Change(name="a", to="fail", error="Broken"),
            Burst(count=5, mode=None, project="Autumn catalog"),
            Outage(mode="lifestyle", seconds=60),
            KillWorker(name="render-1"),
            ActAs(who="operator"),
            PointAt(name="a"),
        ],
    )


def test_all_mistakes_are_reported_with_line_and_key() -> None:
    text = """\
workers = ["studio", 5]
[[step]]
say = 1
[[step]]
sayy = "a"
[[step]]
create = "a"
cost = -1
[[step]]
complete = "a"
[[step]]
say = "a"
wait = 3
[[step]]
burst = 101
projekt = "x"
"""
    assert problems(text) == [
        "has no title.",
        "line 1: workers '5' is not known. Use one of studio, render-1, render-2.",
        "line 3: step.1.say is a number, but must be a string.",
        "line 5: step.2.sayy is not known. Did you mean 'say'?",
        'line 8: step.3.cost is not an amount. Use whole cents, or a text such as "$2.50".',
        "line 10: step.4.complete needs a job whose last change is 'start'. The last change of this job is 'create'.",
        "line 13: step.5.wait is another step than 'say'. Begin it with [[step]].",
        "line 15: step.6.burst must be from 1 to 100.",
        "line 16: step.6.projekt is not known. Did you mean 'project'?",
    ]


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ("", "line 3: step.1 is empty."),
        ('start = "a"', "line 4: step.1.start needs a job that an earlier step creates."),
        ('point-at = "a"', "line 4: step.1.point-at needs a job that an earlier step creates."),
        ("wait = 601", "line 4: step.1.wait must be from 0 to 600 seconds."),
        ("burst = true", "line 4: step.1.burst is true or false, but must be a whole number."),
        ('create = "a"\n[[step]]\ncreate = "a"', "line 6: step.2.create is the name of an earlier job. "),
        ('create = "a"\nmode = "  "', "line 5: step.1.mode is empty."),
        (
            f'say = "{"x" * (3 * 78)}"',
            "line 4: step.1.say needs 4 lines in a terminal of 80 columns, with its key hint. At most 3 fit. ",
        ),
        ('act-as = "eve"', "line 4: step.1.act-as has an invalid value: 'eve' is not known. "),
        ('kill-worker = "studio"', "line 4: step.1.kill-worker has an invalid value: 'studio' is not known. "),
    ],
)
def test_mistake_in_a_step_is_reported(step: str, problem: str) -> None:
    (reported,) = problems(f"{HEAD}[[step]]\n{step}\n")
    assert reported.startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("title = ", "is not TOML"),
        ('title = "a"', "needs steps. Begin each step with [[step]]."),
        ('title = "a"\nstep = 3', "line 2: step needs steps."),
        ('title = "a"\nstep = [3]', "step.1 is a number, but must be a table."),
        ('title = "a"\n[[step]]\nkill-worker = "render-1"', "line 3: step.1.kill-worker needs workers."),
    ],
)
def test_file_without_usable_steps_is_refused(text: str, problem: str) -> None:
    (reported,) = problems(text)
    assert problem in reported


def test_unknown_name_and_unreadable_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match=r"^Unknown scenario 'lifecycel'\. Did you mean 'lifecycle'\?"):
        load_scenario("lifecycel")
    with pytest.raises(BadConfiguration, match=r"b\.toml does not exist\."):
        load_scenario(str(tmp_path / "b.toml"))
    with pytest.raises(BadConfiguration, match=r"is not a file\."):
        load_scenario(str(tmp_path))
    binary = tmp_path / "a.toml"
    binary.write_bytes(b"\xff")
    with pytest.raises(BadConfiguration, match="is not UTF-8"):
        load_scenario(str(binary))


LONGEST_CAPTION = 64
"""Characters that fit beside the hint of the key, in a terminal of 80 columns."""


@pytest.mark.parametrize("name", scenario_names())
def test_captions_fit_in_a_narrow_terminal(name: str) -> None:
    captions = [step.text for step in load_scenario(name).steps if isinstance(step, Say)]
    assert max(map(len, captions)) <= LONGEST_CAPTION


@given(st.lists(st.text("é日", min_size=1, max_size=30), min_size=1, max_size=20))
@example(["é" * 26] * 6 + ["é" * 17])
def test_caption_is_accepted_if_a_terminal_of_80_columns_shows_all_of_it(words: list[str]) -> None:
    text = " ".join(words)
    lines = pinned_text(PinnedText(owner="", text=text, keys="space: next")).lines(78, 3)
    step = f'{HEAD}[[step]]\nsay = "{text}"'
    if any(ELLIPSIS in line.plain for line in lines):
        assert problems(step)
    else:
        assert parse(step).steps == [Say(text=text)]


_VALUES = st.one_of(
    st.text(string.ascii_letters + " .'-", max_size=8).map(lambda text: f'"{text}"'),
    st.integers(-5, 2_000).map(str),
    st.sampled_from(["true", "1.5", "[]", "{}", "1979-05-27"]),
)
_OPTIONS = sorted({option for step_kind in STEP_KINDS.values() for option in step_kind.options} | STEP_KINDS.keys())
_STEPS = st.dictionaries(st.sampled_from(_OPTIONS), _VALUES, max_size=4).map(
    lambda step: "\n".join(["[[step]]", *(f"{key} = {value}" for key, value in step.items())])
)


@given(st.lists(_STEPS, min_size=1, max_size=6))
def test_any_step_is_read_or_refused_with_its_line(steps: list[str]) -> None:
    count, reported = 0, tuple[str, ...]()
    try:
        count = len(parse(HEAD + "\n".join(steps)).steps)
    except BadConfiguration as refused:
        reported = refused.problems
    assert count == len(steps) or reported
    assert all(problem.startswith("talk.toml, line ") for problem in reported)
