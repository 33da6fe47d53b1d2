"""Shell examples of README and manual: all are valid commands, and most run on the sample data."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gjobs.store.embedded.server_files import ServerHandle
from gjobs.store.sample.sample_data import fill
from gjobs.tui.cli.output import ExitCode
from gjobs.tui.cli.program import build_parser
from gjobs.tui.manual.pages import page_source
from tests.cli.command_line import Configure, Run, profile, uri
from tests.conftest import Conninfo, temporary_database
from tests.manual import pages

BLOCK = re.compile(r"^(<!-- not run: .+? -->\n|<!-- test command -->\n)?```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    page: str
    line: str
    runs: bool


def examples() -> Iterator[Example]:
    for path in pages():
        for marker, block in BLOCK.findall(path.read_text(encoding="utf-8")):
            for line in block.splitlines():
                yield Example(page=path.stem, line=line.partition(" #")[0], runs=not marker)


EXAMPLES = list({example.line: example for example in examples()}.values())

VIEW = page_source("views").partition("```toml\n")[2].partition("```")[0]
"""The view that the examples use."""


@pytest.fixture
def sample_database(server: ServerHandle, migrated: str) -> Iterator[Conninfo]:
    with temporary_database(server, template=migrated) as conninfo:
        fill({name: str(value) for name, value in conninfo.items()}, now=datetime.now(UTC))
        yield conninfo


def arguments_of(line: str) -> list[str] | None:
    """Return the arguments of `gjobs`, or None if the line starts another program."""
    words = [word for word in shlex.split(line) if not re.match(r"[A-Z_]+=", word)]
    return words[1:] if words and words[0] == "gjobs" else None


def test_shell_examples_are_valid_commands() -> None:
    read = [example for example in EXAMPLES if arguments_of(example.line) is not None]
    assert len(read) > 40
    parser = build_parser()
    for example in read:
        parser.parse_args(arguments_of(example.line) or [])


def test_shell_examples_run_on_the_sample_data(
    gjobs: Run, configure: Configure, sample_database: Conninfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"write": True, "as": "ada@example.com"}
    configure(profile("sample", uri(sample_database), **values), VIEW)
    monkeypatch.setenv("GJOBS_PROFILE", "sample")
    monkeypatch.chdir(tmp_path)
    failed = []
    for example in EXAMPLES:
        arguments = arguments_of(example.line)
        if example.runs:
            assert arguments is not None, f"{example.page}: {example.line}"
            done = gjobs(*arguments)
            if done.code not in (ExitCode.DONE, ExitCode.FOUND) or not (done.out or done.err):
                failed.append(f"{example.page}: {example.line}\n{done}")
    assert failed == []
