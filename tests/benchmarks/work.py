"""Workers: the rate of jobs whose handlers do nothing, and the time until an idle worker starts a job."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.benchmarks.database import Databases, open_databases
from tests.benchmarks.harness import AtLeast, AtMost, Contestant, Effort, Finding, Ratio, Reach, Series, take_turns
from tests.benchmarks.sizes import few
from tests.benchmarks.wire import DELAY
from tests.benchmarks.wire_proxy import wire_proxy

OURS, PGQUEUER, PROCRASTINATE = "gjobs", "PgQueuer", "Procrastinate"

MODULES = {OURS: "gjobs_queue", PGQUEUER: "pgqueuer_queue", PROCRASTINATE: "procrastinate_queue"}

PACKAGES = {
    PGQUEUER: ("pgqueuer==1.6.0", "asyncpg==0.32.0"),
    PROCRASTINATE: ("procrastinate==3.10.0", "psycopg[binary]==3.3.9"),
}
"""The packages of the other queues, each in a separate environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    batch: int
    """The number of jobs in one claim."""
    at_a_time: int
    """The number of jobs in flight. PgQueuer needs at least twice the batch."""
    jobs: int
    reaches: Mapping[str, Reach]
    """The targets of the ratios to other queues."""


SIZES = (
    # The only size that all queues support: Procrastinate always fetches one job at a time.
    Size(batch=1, at_a_time=10, jobs=3_000, reaches={PGQUEUER: AtLeast(2.0), PROCRASTINATE: AtLeast(1.8)}),
    Size(batch=10, at_a_time=20, jobs=10_000, reaches={PGQUEUER: AtLeast(1.1)}),
    Size(batch=100, at_a_time=200, jobs=20_000, reaches={PGQUEUER: AtLeast(1.0)}),
)

_BETWEEN = """
select (extract(epoch from pg_xact_commit_timestamp(begun.xmin) - pg_xact_commit_timestamp(queued.xmin)) * 1000)::float8
  from {events} queued join {events} begun on begun.job_id = queued.job_id
 where {queued} and {begun}
 order by begun.id desc limit %s"""

COMMITS = {
    OURS: _BETWEEN.format(
        events="gjobs.job_event_log", queued="queued.kind = 'created'", begun="begun.to_status = 'running'"
    ),
    PGQUEUER: _BETWEEN.format(
        events="pgqueuer_log", queued="queued.status = 'queued'", begun="begun.status = 'picked'"
    ),
    PROCRASTINATE: _BETWEEN.format(
        events="procrastinate_events", queued="queued.type = 'deferred'", begun="begun.type = 'started'"
    ),
}
"""Reads the last jobs' milliseconds from queueing to start, from the queue's events and the server's commit times."""

COMMIT_TIMES = {"track_commit_timestamp": "on"}
"""Settings of the server. In a quick run, the server of the other benchmarks has them."""

Open = Callable[[], AbstractContextManager[str]]
"""Creates a database for one run and returns its URL."""


async def work(effort: Effort, shared: Databases) -> list[Finding]:
    """Measure on a server that records commit times. A quick run skips the other queues, which must be downloaded."""
    with (
        tempfile.TemporaryDirectory(prefix="gjobs-queues-") as work_dir,
        nullcontext(shared) if effort.quick else open_databases(settings=COMMIT_TIMES) as databases,
    ):
        names = (OURS,) if effort.quick else tuple(MODULES)
        pythons = {name: _python(name, Path(work_dir)) for name in names}
        opens = {name: _with_jobs(effort, databases) if name == OURS else databases.empty for name in names}
        return [
            *[await _drained(effort, pythons, opens, size) for size in (SIZES[:1] if effort.quick else SIZES)],
            *await _woken(effort, pythons, opens),
            *([] if effort.quick else [await _woken_far(effort, databases, pythons, opens)]),
        ]


async def _drained(effort: Effort, pythons: Mapping[str, Path], opens: Mapping[str, Open], size: Size) -> Finding:
    jobs, rounds = effort.choose(size.jobs, quick=50), effort.choose(5, quick=1)

    def draining(name: str) -> Contestant:
        async def contestant() -> float:
            # Procrastinate takes much longer.
            some = jobs // 10 if name == PROCRASTINATE else jobs
            with opens[name]() as url:
                (seconds,) = _ask(pythons[name], name, url, "drain", some, size.batch, size.at_a_time)
            return some / seconds

        return contestant

    return Finding(
        title="jobs whose handlers do nothing, run by one worker until the last result is on disk",
        unit="jobs/s",
        settings={
            "jobs a claim": size.batch,
            "jobs running at a time": size.at_a_time,
            "jobs": f"{jobs:,}",
            "rounds": rounds,
            **_rivals(),
        },
        series=await take_turns({name: draining(name) for name in pythons}, rounds=rounds, warm_up=0),
        ratios=_ratios(pythons, size.reaches),
    )


async def _woken(effort: Effort, pythons: Mapping[str, Path], opens: Mapping[str, Open]) -> list[Finding]:
    jobs, rounds = effort.choose(50, quick=2), effort.choose(5, quick=1)
    until_begun: dict[str, list[float]] = {name: [] for name in pythons}

    def waking(name: str) -> Contestant:
        async def contestant() -> float:
            with opens[name]() as url:
                until_begun[name].append(median(_ask(pythons[name], name, url, "wake", jobs)))
                with closing(psycopg.connect(url)) as connection:
                    taken = connection.execute(COMMITS[name], [jobs]).fetchall()
                return float(median(milliseconds for (milliseconds,) in taken))

        return contestant

    settings = {"jobs": jobs, "rounds": rounds, **_rivals()}
    return [
        Finding(
            title="from the commit that queues a job to the commit of its claim, by an idle worker that is notified",
            unit="ms",
            settings=settings,
            series=await take_turns({name: waking(name) for name in pythons}, rounds=rounds, warm_up=0),
            ratios=_ratios(pythons, {PGQUEUER: AtMost(1.0)}),
        ),
        Finding(
            title="the same jobs, from before they are queued until their handlers start",
            unit="ms",
            settings=settings,
            series={name: Series(tuple(values)) for name, values in until_begun.items()},
            ratios=_ratios(pythons, {}),
        ),
    ]


async def _woken_far(
    effort: Effort, databases: Databases, pythons: Mapping[str, Path], opens: Mapping[str, Open]
) -> Finding:
    """Delay the network between worker and server. The jobs are queued on the server's machine."""
    jobs, rounds = effort.choose(10, quick=2), effort.choose(5, quick=1)
    with wire_proxy(databases.server) as proxy:
        proxy.delay = DELAY

        def waking(name: str) -> Contestant:
            async def contestant() -> float:
                with opens[name]() as url:
                    # The drivers share no other parameters.
                    names = conninfo_to_dict(url)
                    far = f"postgresql://{names['user']}@127.0.0.1:{proxy.port}/{names['dbname']}?sslmode=disable"
                    return median(_ask(pythons[name], name, url, "wake_far", jobs, far))

            return contestant

        series = await take_turns({name: waking(name) for name in pythons}, rounds=rounds, warm_up=0)
    return Finding(
        title=f"from queuing a job until an idle worker starts its handler, at {DELAY * 2000:g} ms round trip",
        unit="ms",
        settings={"jobs": jobs, "rounds": rounds, **_rivals()},
        series=series,
        ratios=_ratios(pythons, {PGQUEUER: AtMost(1.0)}),
    )


def _ratios(names: Iterable[str], reaches: Mapping[str, Reach]) -> tuple[Ratio, ...]:
    """Return the ratios of gjobs to each other queue."""
    return tuple(Ratio(ours=OURS, rival=name, reach=reaches.get(name)) for name in names if name != OURS)


def _rivals() -> dict[str, str]:
    return {"rivals": " ".join(package for packages in PACKAGES.values() for package in packages)}


def _ask(python: Path, name: str, url: str, command: str, *arguments: str | int) -> list[float]:
    run = subprocess.run(
        [python, "-m", f"tests.benchmarks.queues.{MODULES[name]}", command, url, *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
    )
    answer: list[float] = json.loads(run.stdout)
    return answer


def _python(name: str, work_dir: Path) -> Path:
    if name == OURS:
        return Path(sys.executable)
    python = work_dir / name / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", work_dir / name], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES[name]], check=True)
    return python


def _with_jobs(effort: Effort, databases: Databases) -> Open:
    filled = databases.of(few(effort))

    @contextmanager
    def open_copy() -> Iterator[str]:
        with databases.copy_of(filled) as copy:
            with copy.connect() as connection:
                connection.execute("delete from public.generation_jobs where status = 'queued'")
            yield copy.url

    return open_copy
