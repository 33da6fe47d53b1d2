"""`gjobs watch`: a line for each change of a job's status, until it has seen enough."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from tests.cli.support import GJOBS, PATIENCE, Run, Sql, uri
from tests.cli.world import AUTUMN, BENS, QUEUED, RUNNING
from tests.conftest import Conninfo

pytestmark = pytest.mark.usefixtures("url")


class Watching:
    """The command in a process of its own."""

    def __init__(self, *options: str) -> None:
        self.process = Popen(
            [GJOBS, "watch", *options], stdout=PIPE, stderr=PIPE, text=True, env={**os.environ, "TZ": "UTC"}
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err


@pytest.fixture
def watch(tmp_path: Path, sql: Sql) -> Iterator["list[Watching]"]:
    started: list[Watching] = []
    yield started
    for one in started:
        one.process.kill()
        one.process.communicate()


def begin(watch: list[Watching], sql: Sql, tmp_path: Path, *options: str) -> Watching:
    """It has begun when it has kept its place."""
    place = tmp_path / "place"
    watch.append(Watching("--resume", str(place), *options))
    deadline = PATIENCE
    while not place.exists():
        sql("select pg_sleep(0.01)")
        deadline -= 0.01
        assert deadline > 0, watch[-1].process.poll()
    return watch[-1]


def test_watch_prints_transitions_until_its_condition_holds(watch: list[Watching], sql: Sql, tmp_path: Path) -> None:
    watching = begin(watch, sql, tmp_path, "--until", "failed>=1")
    sql("update generation_jobs set status = 'running' where id = %s", QUEUED)
    sql("update generation_jobs set status = 'failed', error = 'API \x1b[2Jtimeout' where id = %s", QUEUED)
    code, out, err = watching.end()
    assert (code, err) == (8, "It holds that failed>=1.\n")
    lines = [line[len("2026-01-04 12:00:00  ") :] for line in out.splitlines()]
    assert lines == [
        "00000000  queued    → running    lifestyle             $2.00",
        "00000000  running   → failed     lifestyle             $2.00  API ␛[2Jtimeout",
    ]


def test_watch_resumes_where_the_last_watch_ended(watch: list[Watching], sql: Sql, tmp_path: Path) -> None:
    first = begin(watch, sql, tmp_path, "--json")
    sql("update generation_jobs set status = 'running' where id = %s", QUEUED)
    told = json.loads(first.line())
    assert told == {
        "key": told["key"],
        "cursor": told["cursor"],
        "observed": False,
        "at": told["at"],
        "job_id": str(QUEUED),
        "from": "queued",
        "to": "running",
        "mode": "lifestyle",
        "cost_cents": 200,
        "error": None,
        "user_id": told["user_id"],
        "project_id": str(AUTUMN),
    }
    first.process.send_signal(signal.SIGINT)
    assert first.end()[0] == 130
    sql("update generation_jobs set status = 'failed' where id = %s", QUEUED)
    sql("delete from generation_jobs where id = %s", RUNNING)
    again = Watching("--json", "--resume", str(tmp_path / "place"), "--until", "deleted=1")
    watch.append(again)
    code, out, _ = again.end()
    assert code == 8
    steps = [(one["job_id"], one["from"], one["to"]) for one in map(json.loads, out.splitlines())]
    # What was told after the place was last kept may be told again.
    assert steps[-2:] == [(str(QUEUED), "running", "failed"), (str(RUNNING), "running", "deleted")]


def test_watch_ends_when_no_unfinished_job_is_left(watch: list[Watching], sql: Sql, tmp_path: Path) -> None:
    watching = begin(watch, sql, tmp_path, "--until", "left=0", "--filter", "project:'Autumn catalog'")
    sql("update generation_jobs set status = 'succeeded' where id <> %s", BENS)
    assert watching.end()[0] == 8


def test_watch_ends_at_once_when_no_unfinished_job_is_left(gjobs: Run, sql: Sql) -> None:
    sql("update generation_jobs set status = 'succeeded'")
    done = gjobs("watch", "--until", "left=0")
    assert (done.code, done.out) == (8, "")


def test_watch_without_stored_events_reports_what_it_misses(gjobs: Run, attached_database: Conninfo) -> None:
    done = gjobs("--database-url", uri(attached_database), "watch", "--filter", "mode:of-no-job", "--until", "left=0")
    assert done.code == 8
    assert done.err.splitlines()[0] == (
        "What comes and goes between two looks is missed. This database does not record what happens to its jobs."
        " 'gjobs migrate up' brings revision 0005, which does."
    )


def test_watch_exec_passes_each_transition_to_a_program(watch: list[Watching], sql: Sql, tmp_path: Path) -> None:
    script = tmp_path / "note.py"
    script.write_text("import sys\nopen(sys.argv[1], 'a').write(sys.stdin.read())\n", encoding="utf-8")
    command = f"{sys.executable} {script} {tmp_path / 'noted'}"
    watching = begin(watch, sql, tmp_path, "--exec", command, "--until", "finished=1")
    sql("update generation_jobs set status = 'succeeded' where id = %s", RUNNING)
    assert watching.end()[0] == 8
    (noted,) = (tmp_path / "noted").read_text(encoding="utf-8").splitlines()
    assert json.loads(noted)["to"] == "succeeded"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--until", "faild>1"], "'faild' is not known; did you mean 'failed'?"),
        (["--exec", "no-such-program"], "There is no program 'no-such-program'."),
        (["--webhook", "example.com"], "The address of --webhook is none."),
        (["--webhook", "https://example.com"], "A webhook is signed, and there is no secret to sign it with."),
        (["--filter", "staus:failed"], "staus"),
        (["--resume", "{folder}"], "does not hold the place of a watch."),
    ],
)
def test_invalid_watch_arguments_are_explained(
    gjobs: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], said: str
) -> None:
    monkeypatch.delenv("GJOBS_WEBHOOK_SECRET", raising=False)
    done = gjobs("watch", *(option.format(folder=tmp_path) for option in options))
    assert (done.code, done.out) == (2, "")
    assert said in done.err
