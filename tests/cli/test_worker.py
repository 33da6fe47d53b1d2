"""`gjobs worker`: an example's handlers do what is queued."""

from pathlib import Path

import pytest

from tests.cli.support import Run, Sql
from tests.cli.world import QUEUED

pytestmark = pytest.mark.usefixtures("url")

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The README's, as it is named on the command line, in whose directory the command runs."""
    _, _, section = README.read_text().partition("\n### Run jobs\n")
    _, _, code = section.partition("```python\n")
    (tmp_path / "example_handlers.py").write_text(code.partition("```")[0])
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "example_handlers:registry"


def test_an_example_works_off_the_queue(gjobs: Run, sql: Sql, example: str) -> None:
    done = gjobs("worker", example, "--once", "--concurrency", "2")

    assert (done.code, done.out) == (0, "")
    assert f"{QUEUED} " in done.err
    assert " succeeded (" in done.err
    assert sql("select count(*) from public.generation_jobs where status = 'queued'") == [(0,)]
    ((mode, status),) = sql("select mode, status from public.generation_jobs where id = %s", QUEUED)
    assert (mode, status) == ("lifestyle", "succeeded")
    assert sql("select cost_cents from public.generation_jobs where id = %s", QUEUED) == [(12,)]
    assert sql("select count(*) from gjobs.workers where stopped_at is not null") == [(1,)]


def test_of_one_mode_alone(gjobs: Run, sql: Sql, example: str) -> None:
    assert gjobs("worker", example, "--once", "--mode", "of no job").code == 0
    assert sql("select status from public.generation_jobs where id = %s", QUEUED) == [("queued",)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Give MODULE:REGISTRY, or --simulate."),
        (["example_handlers:registry", "--simulate"], "Give MODULE:REGISTRY, or --simulate."),
        (["example_handlers"], "is not MODULE:REGISTRY"),
        (["no_such_module:registry"], "There is no module 'no_such_module'."),
        (["example_handlers:Work"], "has no registry 'Work'"),
        (["--simulate", "--concurrency", "0"], "at least one job"),
        (["--simulate", "--json"], "no JSON form"),
    ],
)
def test_what_makes_no_sense_is_explained(gjobs: Run, example: str, arguments: list[str], words: str) -> None:
    done = gjobs("worker", *arguments)
    assert done.code == 2
    assert words in done.err


def test_read_only_it_changes_nothing(gjobs: Run, sql: Sql, example: str) -> None:
    assert gjobs("worker", example, "--once", "--read-only").code == 6
    assert sql("select status from public.generation_jobs where id = %s", QUEUED) == [("queued",)]


def test_workers_are_listed_with_what_they_hold(gjobs: Run, sql: Sql) -> None:
    sql(
        "insert into gjobs.workers (id, name, host, process, modes, concurrency, seen_at) values"
        " (gen_random_uuid(), 'busy', 'h', 1, '{lifestyle}', 4, now()),"
        " (gen_random_uuid(), 'dead', 'h', 2, null, 4, now() - interval '1 hour') returning id"
    )
    ((claimed,),) = sql(
        "select count(*) from gjobs.workers w, gjobs.claim_jobs(w.id, null, 1, 60) where w.name = 'busy'"
    )
    assert claimed == 1

    found = {worker["name"]: worker for worker in gjobs("workers", "--json").document}

    assert [found[name]["state"] for name in ("busy", "dead")] == ["alive", "silent"]
    assert [found[name]["held_jobs"] for name in ("busy", "dead")] == [1, 0]
    assert (found["busy"]["modes"], found["dead"]["modes"]) == (["lifestyle"], None)
    assert "1 of 4" in gjobs("workers").out
