"""Scenarios and their steps: reads them from TOML, and reports mistakes by line and key."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rich.cells import cell_len
from textual.content import Content

from gjobs.store import validation
from gjobs.store.configuration.settings import OPERATOR_NAME
from gjobs.store.configuration.toml_table import TomlTable, file_content, parse_file, typed, unusable
from gjobs.store.errors import BadConfiguration, InvalidValue
from gjobs.store.jobs.job import USUAL_MODES
from gjobs.store.sample.sample_data import USERS
from gjobs.store.values.formats import alternatives, cents, not_known
from gjobs.tui.text.clean_text import clean

USUAL_PROJECT = "Autumn catalog"
STUDIO = "studio"
"""This worker acts as the signed-in user, so that user sees it among the workers. It can't keep up with the user's
jobs, so they wait as long as all others.
"""
WORKERS = (STUDIO, "render-1", "render-2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Wait until the time has passed, or the person continues."""

    seconds: float


Awaited = Literal["failure", "takeover"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitFor:
    """Wait until a worker's job has failed or was taken over, and point at it. The person can only hurry it."""

    what: Awaited
    seconds: float
    """The longest wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Show a caption. Without seconds, wait until the person continues."""

    text: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """Queue a job, and name it for later steps."""

    name: str
    mode: str
    project: str
    cost_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Start, complete or fail a job of an earlier step."""

    name: str
    to: Literal["start", "complete", "fail"]
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Queue several jobs at once."""

    count: int
    mode: str | None
    """None for different modes."""
    project: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Let all jobs of a mode fail for some simulated seconds."""

    mode: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KillWorker:
    """Kill this worker while it runs a job of the scenario. Its jobs are taken over once their leases have expired."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActAs:
    """Let the dashboard act as a user or as the operator."""

    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PointAt:
    """Move the cursor to a job of an earlier step."""

    name: str


Step = Wait | WaitFor | Say | Create | Change | Burst | Outage | KillWorker | ActAs | PointAt


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    title: str
    workers: Sequence[str]
    has_customers: bool
    """Whether simulated customers queue jobs, too."""
    steps: Sequence[Step]


LONGEST_SECONDS = 600.0
_CAPTION_LINES, _CAPTION_WIDTH, _KEY_HINT = 3, 78, " · space: next"
"""The dashboard cuts a longer caption in a terminal of 80 columns. A hint that does not fit takes a line of its own."""
MOST_JOBS = 100
_USUAL_CENTS = 250
_USUAL_WAIT = 300.0
_NEEDS_WORKERS = 'needs workers. Add a line such as workers = ["render-1"] at the top'
_AWAITED: Mapping[str, Awaited] = {"failure": "failure", "takeover": "takeover"}

PROJECTS = tuple(project.name for user in USERS for project in user.projects if project.products)
ACTORS = (*(user.email for user in USERS if user.email), OPERATOR_NAME)


@dataclass(slots=True)
class KnownNames:
    """What earlier steps have created. `jobs` has the last change that a step makes to each job."""

    workers: tuple[str, ...]
    jobs: dict[str, str] = field(default_factory=dict)


Reader = Callable[[TomlTable, KnownNames], Step]
"""Returns the step. After adding a problem, it may return any step, because the scenario is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepKind:
    takes: str
    """The value of the key that names the step."""
    does: str
    read: Reader
    options: Mapping[str, str] = field(default_factory=dict)
    """Further keys and what they are for."""


def _seconds(table: TomlTable, usual: float, *, key: str = "seconds", least: float = 0) -> float:
    seconds = table.seconds(key, least=least, most=LONGEST_SECONDS)
    return usual if seconds is None else seconds


def _project(table: TomlTable) -> str:
    return table.one_of("project", PROJECTS) or USUAL_PROJECT


def _say(table: TomlTable, _: KnownNames) -> Step:
    text = table.converted_text("say", _caption)
    return Say(text=text or "", seconds=table.seconds("seconds", least=0, most=LONGEST_SECONDS))


def _wait_for(table: TomlTable, known: KnownNames) -> Step:
    seconds = _seconds(table, _USUAL_WAIT)
    what = _one_of(table, "wait-for", _AWAITED if known.workers else (), without=_NEEDS_WORKERS)
    return WaitFor(what=_AWAITED.get(what, "failure"), seconds=seconds)


def _create(table: TomlTable, known: KnownNames) -> Step:
    name = table.text("create") or ""
    if name in known.jobs:
        table.complain("is the name of an earlier job. Choose another name", "create")
    if name:
        known.jobs[name] = "create"
    mode, project = table.converted_text("mode", _mode) or USUAL_MODES[0], _project(table)
    cost_cents = table.converted("cost", _cost_cents)
    cost_cents = _USUAL_CENTS if cost_cents is None else cost_cents
    return Create(name=name, mode=mode, project=project, cost_cents=cost_cents)


def _fail(table: TomlTable, known: KnownNames) -> Step:
    name = _job(table, "fail", known, after="start")
    return Change(name=name, to="fail", error=table.text("error") or "API timeout")


def _burst(table: TomlTable, _: KnownNames) -> Step:
    count = table.converted("burst", _count) or 0
    return Burst(count=count, mode=table.converted_text("mode", _mode), project=_project(table))


def _outage(table: TomlTable, _: KnownNames) -> Step:
    mode = table.converted_text("outage", _mode) or ""
    return Outage(mode=mode, seconds=_seconds(table, 60.0, least=1))


def _job(table: TomlTable, key: str, known: KnownNames, *, after: str) -> str:
    """Return the name of a job whose last change was `after`, and note the change."""
    name = _known_job(table, key, known)
    if name:
        if (last := known.jobs[name]) != after:
            table.complain(f"needs a job whose last change is {after!r}. The last change of this job is {last!r}", key)
        known.jobs[name] = key
    return name


def _known_job(table: TomlTable, key: str, known: KnownNames) -> str:
    return _one_of(table, key, known.jobs, without="needs a job that an earlier step creates")


def _one_of(table: TomlTable, key: str, names: Collection[str], *, without: str) -> str:
    """Return one of the names. `without` is the problem if there are none."""
    if names:
        return table.one_of(key, names) or ""
    table.take(key)
    table.complain(without, key)
    return ""


def _caption(text: str) -> str:
    lines = [line.plain.rstrip() for line in Content(clean(text)).wrap(_CAPTION_WIDTH)] or [""]
    needed = len(lines) + (cell_len(lines[-1] + _KEY_HINT) > _CAPTION_WIDTH)
    if needed > _CAPTION_LINES:
        raise ValueError(
            f"needs {needed} lines in a terminal of 80 columns, with its key hint. At most {_CAPTION_LINES} fit. "
            "Say it in two steps"
        )
    return text


def _mode(text: str) -> str:
    try:
        return validation.check_name("mode", text)
    except InvalidValue as error:
        raise ValueError(f"is not a mode. {error.message}") from None


def _cost_cents(value: object) -> int:
    """Convert whole cents, or a text such as "$2.50"."""
    amount = cents(value) if isinstance(value, str) else value
    if isinstance(amount, bool) or not isinstance(amount, int) or not 0 <= amount <= validation.MAX_COST_CENTS:
        raise ValueError('is not an amount. Use whole cents, or a text such as "$2.50"')
    return amount


def _count(value: object) -> int:
    count = typed(value, int, "a whole number")
    if not 1 <= count <= MOST_JOBS:
        raise ValueError(f"must be from 1 to {MOST_JOBS}")
    return count


_WHERE = {"project": f"project, by default {USUAL_PROJECT}"}

STEP_KINDS: Mapping[str, StepKind] = {
    "say": StepKind(
        takes="text",
        does=f"Show a caption of at most {_CAPTION_LINES} lines of 80 columns, and wait for the space key",
        options={"seconds": "continue after this time"},
        read=_say,
    ),
    "wait": StepKind(
        takes="seconds",
        does="Wait this long, or until space is pressed",
        read=lambda table, _: Wait(seconds=_seconds(table, 0, key="wait")),
    ),
    "wait-for": StepKind(
        takes=" or ".join(_AWAITED),
        does="Wait for it, and move the cursor to its job. space lets time run faster",
        options={"seconds": f"longest wait, by default {_USUAL_WAIT:g}"},
        read=_wait_for,
    ),
    "create": StepKind(
        takes="name",
        does="Queue a job, and name it for later steps",
        options={"mode": f"mode, by default {USUAL_MODES[0]}", "cost": 'cents, or a text such as "$2.50"', **_WHERE},
        read=_create,
    ),
    "start": StepKind(
        takes="name",
        does="Start the job",
        read=lambda table, known: Change(name=_job(table, "start", known, after="create"), to="start"),
    ),
    "complete": StepKind(
        takes="name",
        does="Complete the job",
        read=lambda table, known: Change(name=_job(table, "complete", known, after="start"), to="complete"),
    ),
    "fail": StepKind(takes="name", does="Fail the job", options={"error": "error text"}, read=_fail),
    "burst": StepKind(
        takes="number",
        does="Queue this number of jobs at once, and move the cursor to the newest if it is listed",
        options={"mode": "mode, by default different modes", **_WHERE},
        read=_burst,
    ),
    "outage": StepKind(
        takes="mode",
        does="Let the workers' jobs of the mode fail for a while",
        options={"seconds": "simulated time, by default 60"},
        read=_outage,
    ),
    "kill-worker": StepKind(
        takes=" or ".join(WORKERS),
        does="Let a worker die without releasing its jobs. If it runs no job of the scenario, queue jobs first",
        read=lambda table, known: KillWorker(name=_one_of(table, "kill-worker", known.workers, without=_NEEDS_WORKERS)),
    ),
    "act-as": StepKind(
        takes="e-mail or operator",
        does="Act as this user",
        read=lambda table, _: ActAs(who=table.one_of("act-as", ACTORS) or ""),
    ),
    "point-at": StepKind(
        takes="name",
        does="Move the cursor to the job",
        read=lambda table, known: PointAt(name=_known_job(table, "point-at", known)),
    ),
}
"""By the key that names the step."""


_FOLDER = Path(__file__).parent / "scenarios"
_HINT = "'gjobs help demo' explains scenarios."
MOST_STEPS = 1_000


def scenario_names() -> tuple[str, ...]:
    """Return the names of the scenarios that gjobs includes."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def load_scenario(name: str) -> Scenario:
    """Load a scenario of gjobs by its name, or one from a file. Raises BadConfiguration."""
    path = _FOLDER / f"{name}.toml"
    if name not in scenario_names():
        path = Path(name)
        if not path.is_file():
            is_file_name = path.suffix == ".toml" or len(path.parts) > 1
            sentence = f"Unknown scenario {name!r}. {alternatives(name, scenario_names())}"
            if is_file_name:
                sentence = f"{path} is not a file." if path.exists() else f"{path} does not exist."
            raise BadConfiguration([sentence], hint=f"Name a scenario or a TOML file. {_HINT}")
    try:
        content = file_content(path, hint=_HINT)
    except OSError as error:  # It was removed just now.
        raise unusable(path, f"cannot be read: {error.strerror}", hint=_HINT) from None
    return parse_scenario(content, path=path)


def parse_scenario(content: bytes, *, path: Path) -> Scenario:
    """Parse the content of the file `path`. Raises BadConfiguration with all problems."""
    return parse_file(content, _read_scenario, path=path, hint=_HINT)


def _read_scenario(table: TomlTable) -> Scenario:
    title = table.text("title")
    if not table.has("title"):
        table.complain("has no title")
    workers = table.converted("workers", _workers) or ()
    has_customers = table.flag("customers")
    steps = _steps(table, KnownNames(workers=workers))
    return Scenario(title=title or "", workers=workers, has_customers=has_customers, steps=steps)


def _workers(value: object) -> tuple[str, ...]:
    names = typed(value, list, "a list of names")
    for name in names:
        if name not in WORKERS:
            raise ValueError(not_known(str(name), WORKERS))
    return tuple(dict.fromkeys(names))


def _steps(table: TomlTable, known: KnownNames) -> list[Step]:
    value = table.take("step")
    if not isinstance(value, list) or not value:
        table.complain("needs steps. Begin each step with [[step]]", "step" if table.has("step") else None)
        return []
    if len(value) > MOST_STEPS:
        table.complain(f"has more than {MOST_STEPS:,} steps", "step")
        return []
    return [step for _, one in table.array("step", value).tables() if (step := _step(one, known)) is not None]


def _step(table: TomlTable, known: KnownNames) -> Step | None:
    named = [key for key in table if key in STEP_KINDS]
    if len(named) != 1:
        _complain_of_kind(table, named)
        return None
    step = STEP_KINDS[named[0]].read(table, known)
    table.end()
    return step


def _complain_of_kind(table: TomlTable, named: list[str]) -> None:
    if named:
        table.complain(f"is another step than {named[0]!r}. Begin it with [[step]]", named[1])
    elif key := next(iter(table), None):
        table.complain(not_known(key, STEP_KINDS).removeprefix(f"{key!r} "), key)
    else:
        table.complain("is empty")
