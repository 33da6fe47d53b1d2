"""README and manual: generated parts, links, search, and code blocks that run."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from markdown_it import MarkdownIt
from psycopg.conninfo import make_conninfo

from gjobs.store.configuration.config_file import read_content
from gjobs.store.configuration.settings import Notifications, resolve
from gjobs.store.jobs.job import GenerationJob
from gjobs.tui.cli.program import build_parser
from gjobs.tui.dashboard.frame.run import setup_of
from gjobs.tui.manual.pages import (
    TOPICS,
    anchor,
    page_path,
    page_source,
    readable_line,
    search,
    sections,
    summary,
    with_generated,
)
from gjobs.tui.text.clean_text import ELLIPSIS, shorten
from tests.conftest import Conninfo, connect
from tests.manual import README, described, generate, pages

ADA = UUID("00000000-0000-4000-8000-00000000000a")
PROJECT = UUID("00000000-0000-4000-8000-0000000000a1")
ROOT = README.parent


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.stem)
def test_generated_parts_match_the_tables_in_the_code(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert source == with_generated(source, generate), "Update them with: python -m tests.manual"


def test_manual_has_a_page_for_each_topic_with_a_summary_and_an_example() -> None:
    assert {path.stem for path in page_path("tour").parent.glob("*.md")} == set(TOPICS)
    for topic in TOPICS:
        assert len(summary(topic)) <= 62, topic
        title, opening, *rest = page_source(topic).split("\n\n")
        assert title.startswith("# "), topic
        assert len(re.findall(r"[.?!](?=\s|$)", opening)) == 2, topic
        assert any("```" in block for block in rest[:2]), topic


def test_each_command_is_explained_once() -> None:
    headings = Counter(
        line.removeprefix("### ")
        for topic in TOPICS
        for line in page_source(topic).splitlines()
        if line.startswith("### gjobs ")
    )
    assert headings == Counter(parser.prog for parser in described(build_parser()) if parser.prog != "gjobs")


def test_links_and_named_files_lead_to_headings_and_files_that_exist() -> None:
    for path in pages():
        for target in re.findall(r"\]\(([^)\s]+)\)", without_code(path.read_text(encoding="utf-8"))):
            if target.startswith("https://"):
                continue
            name, _, fragment = target.partition("#")
            linked = path.parent / name if name else path
            assert linked.exists(), f"{path.name}: {target}"
            if fragment:
                headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
                assert fragment in map(anchor, headings), f"{path.name}: {target}"

    named = re.compile(r"`((?:store|tui|migrations|tests|screenshots|\.ci)/[\w./-]*)`")
    found = {name for path in pages() for name in named.findall(path.read_text(encoding="utf-8"))}
    assert len(found) > 20
    assert [name for name in found if "NNNN" not in name and "TOPIC" not in name and not (ROOT / name).exists()] == []


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.stem)
def test_markdown_reads_the_same_on_github_and_in_the_viewer(path: Path) -> None:
    """Both parse GitHub's dialect. Neither shows HTML, and neither reports text that it drops or lines that it
    joins.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    assert sum(line.startswith("```") for line in lines) % 2 == 0, "a block of code is not closed"
    tokens = MarkdownIt("gfm-like").parse("\n".join(lines))
    levels = [int(token.tag[1]) for token in tokens if token.type == "heading_open"]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), "a level is skipped"
    headings = [tokens[number + 1].content for number, token in enumerate(tokens) if token.type == "heading_open"]
    assert len({*map(anchor, headings)} - {""}) == len(headings)
    for token in tokens:
        place = lines[slice(*token.map)] if token.map else []
        if token.type == "fence":
            assert token.info, place
        elif token.type == "table_open":
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in place}) == 1, place
        elif token.type == "inline" and token.children:
            kinds = {child.type for child in token.children}
            assert "html_inline" not in kinds, place
            assert not any(child.markup == "linkify" for child in token.children), f"put into backticks: {place}"
            assert not any(re.match(r"\s*([-*|]|\d+\.)\s", line) for line in place[1:]), f"no list or table: {place}"
            if token.level > 2 and not token.content.startswith("|"):
                assert all(line.startswith("  ") for line in place[1:]), f"not indented: {place}"
        elif token.type == "html_block":
            assert re.fullmatch(r"<!--.*?-->", token.content.strip(), re.DOTALL), place


def without_code(source: str) -> str:
    return re.sub(r"^```.*?^```$", "", source, flags=re.MULTILINE | re.DOTALL)


def test_readme_is_short_and_code_fits_a_narrow_terminal() -> None:
    source = README.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 200
    assert len(source.encode()) <= 10_000

    for topic in TOPICS:
        for block in re.findall(r"^```.*?^```$", page_source(topic), re.MULTILINE | re.DOTALL):
            assert max(map(len, block.splitlines())) <= 74, f"{topic}: {block}"


@pytest.mark.parametrize(
    ("words", "topic", "heading"),
    [
        ("why ana not see job", "visibility", "Visibility"),
        ("ana see job", "visibility", "Visibility"),
        ("restore archived", "retention", "gjobs archive restore"),
        ("worker dies", "workers", "What happens when a worker dies"),
        ("limit project month", "budgets", "Budgets"),
        ("budgets", "budgets", "Budgets"),
        ("GJ001", "budgets", "When there is no room"),
    ],
)
def test_search_finds_sections_by_all_words(words: str, topic: str, heading: str) -> None:
    hits = search(words)
    assert (topic, heading) in [(hit.section.topic, hit.section.heading) for hit in hits[:3]]
    for hit in hits:
        text = "\n".join((hit.section.topic, hit.section.heading, *hit.section.lines)).casefold()
        assert all(word.casefold() in text for word in words.split())


@pytest.mark.parametrize("width", [26, 30, 60])
@pytest.mark.parametrize("words", ["lease", "budget", "pooler", "grant"])
def test_each_hit_shows_a_word_in_a_narrow_column(words: str, width: int) -> None:
    for hit in search(words):
        shown = shorten(hit.excerpt(width), width)
        assert len(shown) <= width
        assert not re.search(r"\]\(|\*\*|`|\\", shown), shown
        assert words in shown.casefold() or not any(
            words in re.sub(r"\[[a-z_.]+\]$", "", readable_line(line)).casefold() for line in hit.section.lines
        )
        kept = shown.strip(f"{ELLIPSIS} ")
        assert kept in hit.line
        assert hit.line.startswith(kept) or shown.startswith(ELLIPSIS)


def test_excerpts_and_search_ignore_the_targets_of_links() -> None:
    assert readable_line("- Its worker [loses the lease](workers.md#what) and `a\\|b` **now**.") == (
        "Its worker loses the lease and a|b now."
    )
    assert readable_line("| `--user EMAIL\\|ID` | the [user](acting-as.md) |") == "--user EMAIL|ID  the user"
    assert search("workers.md") == []


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("restore deleted last", "U      Restore the jobs deleted last"),
        ("undo", "U      Restore the jobs deleted last"),
        ("presenter", "Show the state machine on the whole screen, for an audience"),
        ("job.undo", "[job.undo]"),
    ],
)
def test_excerpt_of_a_key_has_its_name_only_if_it_was_searched_for(words: str, shown: str) -> None:
    excerpts = [hit.excerpt(76) for hit in search(words) if hit.section.topic == "keys"]
    assert any(one.endswith(shown) for one in excerpts), excerpts


def test_search_finds_nothing_for_nothing_and_unknown_words() -> None:
    assert search(" ") == search("no-such-word") == []
    headings = ["Exit codes", "All codes", "After a signal", "In a script"]
    assert [section.heading for section in sections("exit-codes")] == headings


# Configuration


def blocks(language: str) -> list[str]:
    found: list[str] = []
    for path in pages():
        found += re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return found


def test_configuration_examples_can_be_read() -> None:
    # Scenarios of the demo are tested with the demo.
    texts = [text for text in blocks("toml") if "[[step]]" not in text]
    examples = [read_content(text.encode(), path=Path("/here/config.toml")) for text in texts]
    (configuration,) = [example for example in examples if len(example.profiles) > 1]
    assert list(configuration.profiles) == ["production", "staging", "embedded"]
    assert list(configuration.views) == ["late", "expensive"]
    setup = setup_of(resolve(data_dir=Path("/data"), environment={}, configuration=configuration))
    assert setup.configuration.notifications == Notifications(
        view="expensive", bell=True, desktop=True, terminal="kitty"
    )
    assert setup.database_choices[0].profile.name == "staging"
    assert setup.keymap == {"job.delete": "ctrl+d", "app.database": "D,f2"}


# Python


@pytest.fixture
def owner(database: Conninfo) -> Iterator[psycopg.Connection]:
    """Ada has a project."""
    with connect(database, autocommit=True) as connection:
        connection.execute("insert into auth.users (id, email) values (%s, 'ada@example.com')", [ADA])
        connection.execute("insert into projects (id, user_id, name) values (%s, %s, 'Catalog')", [PROJECT, ADA])
        yield connection


def add_jobs(owner: psycopg.Connection, *jobs: tuple[str, str, int]) -> None:
    """Insert jobs with these statuses, modes and costs."""
    for status, mode, cost_cents in jobs:
        owner.execute(
            "insert into generation_jobs (user_id, project_id, status, mode, cost_cents) values (%s, %s, %s, %s, %s)",
            (ADA, PROJECT, status, mode, cost_cents),
        )


def run_example(name: str, database: Conninfo, **names: object) -> None:
    """Run the code block of that name with the variables that it expects."""
    source = page_source("python")
    assert source.count("```python") == source.count("<!-- run: ")
    (code,) = re.findall(rf"^<!-- run: {name} -->\n```python\n(.*?)^```$", source, re.MULTILINE | re.DOTALL)
    exec(  # noqa: S102
        compile(code, page_path("python"), "exec"), {"DATABASE_URL": make_conninfo("", **database), **names}
    )


def test_python_examples_list_and_run_the_queued_jobs(
    database: Conninfo, owner: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    add_jobs(owner, ("queued", "lifestyle", 1), ("queued", "packaging", 1), ("running", "main_white", 1))

    async def generate_image(job: GenerationJob) -> None:
        if job.mode == "packaging":
            raise RuntimeError("API timeout")

    run_example("list", database)
    assert set(capsys.readouterr().out.splitlines()) == {
        "queued lifestyle 1",
        "queued packaging 1",
        "running main_white 1",
    }
    run_example("queue", database, generate=generate_image)

    rows = owner.execute("select mode, status, error from generation_jobs order by mode").fetchall()
    assert rows == [
        ("lifestyle", "succeeded", None),
        ("main_white", "running", None),
        ("packaging", "failed", "API timeout"),
    ]


def test_python_budget_example_stops_at_the_budget(database: Conninfo, owner: psycopg.Connection) -> None:
    add_jobs(owner, ("succeeded", "lifestyle", 500), ("failed", "lifestyle", 9_000))

    owner.execute("insert into gjobs.budgets (user_id, period, limit_cents) values (%s, 'all', 9750)", [ADA])
    run_example("budget", database, project_id=PROJECT)
    with pytest.raises(RuntimeError, match="Insufficient budget"):
        run_example("budget", database, project_id=PROJECT)

    rows = owner.execute("select user_id, mode, cost_cents from generation_jobs where status = 'queued'").fetchall()
    assert rows == [(ADA, "lifestyle", 250)]


def test_python_summary_example_prints_counts_and_total_cost(
    database: Conninfo, owner: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    add_jobs(owner, *[("succeeded", "lifestyle", 250)] * 3, ("failed", "packaging", 2), ("queued", "lifestyle", 100))

    run_example("summary", database, project_id=PROJECT)

    assert capsys.readouterr().out.splitlines() == [
        "Queued: 1",
        "Running: 0",
        "Succeeded: 3",
        "Failed: 1",
        "Total: $8.52",
    ]
