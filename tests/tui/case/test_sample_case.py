"""A case of the sample data in Markdown and as a document, and untrusted text in Markdown."""

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from gjobs.store.case.case import Case, CasePerson
from gjobs.store.case.read_case import find_person, person_of, read_case
from gjobs.store.embedded.server_files import ServerHandle
from gjobs.store.jobs.job import JobStatus
from gjobs.store.sample.sample_data import fill
from gjobs.store.store import Store
from gjobs.tui.case.build_case import changed, prepare
from gjobs.tui.case.case_document import case_document, case_file_name
from gjobs.tui.case.case_text import block, case_markdown, cell, code, first_ones, table
from gjobs.tui.text.clean_text import clean
from screenshots.frozen_store import NOW, freeze_budgets
from screenshots.make import add_hidden_jobs, add_workers
from tests.conftest import temporary_database

SAMPLE = Path(__file__).with_name("sample_case.md")
"""The expected text. The manual shows its beginning."""

SETTINGS = (("gjobs", "0.1.0"), ("PostgreSQL", "18.4"), ("Schema", "revision 0002_gjobs"), ("Profile", "embedded"))


async def sample_case(conninfo: Mapping[str, str | int]) -> Case:
    """Read the case of Ada's newest failed job that has a JSON error and an input asset."""
    freeze_budgets(conninfo, NOW)
    fill({name: str(value) for name, value in conninfo.items()}, now=NOW)
    add_hidden_jobs(conninfo)
    add_workers(conninfo)
    async with Store.connect(" ".join(f"{name}={value}" for name, value in conninfo.items() if value != "")) as store:
        person = await find_person(store, "ada@example.com")
        found = await read_case(store, CasePerson(user=person.user), label="sample", at=NOW)
        job = next(
            job
            for job in found.jobs
            if job.status is JobStatus.FAILED and (job.error or "").startswith("{") and job.input_asset_id
        )
        case = await read_case(
            store, await person_of(store, job.user_id, job.id), label="sample", settings=SETTINGS, at=NOW
        )
    # Other findings depend on the server.
    return replace(case, findings=tuple(one for one in case.findings or () if one.name == "seen-by"))


async def test_case_of_the_sample_data_reads_as_the_manual_shows_it(server: ServerHandle, migrated: str) -> None:
    with temporary_database(server, template=migrated) as conninfo:
        case = await sample_case(conninfo)

    built = prepare(case, "embedded", redacts=True)
    text = case_markdown(built)
    if os.environ.get("GJOBS_WRITE_SAMPLE_CASE"):
        SAMPLE.write_text(text, encoding="utf-8")
    assert text == SAMPLE.read_text(encoding="utf-8"), (
        "Write it again with GJOBS_WRITE_SAMPLE_CASE=1, then run python -m tests.manual"
    )

    of_user = replace(built, case=replace(built.case, job_id=None))
    assert [case_file_name(one) for one in (built, of_user)] == [f"case-job-{str(case.job_id)[:8]}.md", "case-ada.md"]
    document = case_document(built)
    assert json.loads(json.dumps(document))["failures"]["groups"]
    assert_harmless(case, text)
    in_berlin = case_markdown(prepare(case, "embedded", redacts=True, zone=ZoneInfo("Europe/Berlin")))
    assert "- Taken: 2026-11-24T16:30:00+01:00. All times are in the zone Europe/Berlin." in in_berlin
    last = replace(case.jobs[0], created_at=datetime.max.replace(tzinfo=UTC))
    with_last = replace(case, jobs=(last, *case.jobs[1:]))
    assert "9999-12-31T23:59:59Z" in case_markdown(
        prepare(with_last, "embedded", redacts=True, zone=ZoneInfo("Europe/Berlin"))
    ), "a time that Python cannot convert to the zone"
    assert (
        case_document(prepare(case, "x", redacts=True, zone=ZoneInfo("Europe/Berlin")))["taken_at"]
        == document["taken_at"]
    )


HOSTILE = "`|\n# x\n```\n<b>![a](http://x)</b> @all [/oops] \x1b[31m \u202e"


def assert_harmless(case: Case, text: str) -> None:
    """Check that database texts neither change the Markdown's headings and tables nor add links."""
    from_database = changed(case, lambda text: f"{text} {HOSTILE}")
    built = prepare(replace(from_database, settings=case.settings), HOSTILE, redacts=False)
    hostile = case_markdown(built)
    kinds, hostile_kinds = (
        Counter(child.type for token in MarkdownIt("gfm-like").parse(one) for child in (token, *(token.children or ())))
        for one in (text, hostile)
    )
    counted = ("heading_open", "table_open", "tr_open", "td_open", "fence", "list_item_open")
    assert [hostile_kinds[kind] for kind in counted] == [kinds[kind] for kind in counted]
    assert hostile_kinds.keys() <= kinds.keys()
    assert hostile.replace("\n", "").isprintable()


UNTRUSTED = st.text(st.sampled_from("`|\\ \n<>[]()*_#@!&~-ax\x1b\u202e\r\t"), max_size=40)


def tokens(text: str) -> list[Token]:
    return [child for token in MarkdownIt("gfm-like").parse(text) for child in (token, *(token.children or ()))]


@given(UNTRUSTED, UNTRUSTED)
def test_table_keeps_its_columns_and_shows_text_as_code(first: str, second: str) -> None:
    lines = table(("a", "b"), [(cell(first), cell(second))])
    found = tokens("\n".join(lines))
    kinds = [token.type for token in found]
    assert kinds.count("td_open") == 2
    assert set(kinds) <= {
        *("table_open", "table_close", "thead_open", "thead_close", "tbody_open", "tbody_close", "tr_open", "tr_close"),
        *("th_open", "th_close", "td_open", "td_close", "inline", "text", "code_inline"),
    }


@given(UNTRUSTED)
def test_code_span_shows_the_whole_text(text: str) -> None:
    shown = "".join(token.content for token in tokens(f"x {code(text)} y") if token.type == "code_inline")
    assert shown == clean(text).strip()


@given(UNTRUSTED)
def test_code_block_is_one_fence(text: str) -> None:
    found = MarkdownIt("gfm-like").parse("\n".join(["before", "", *block(text), "", "after"]))
    assert [token.type for token in found if token.level == 0] == [
        *("paragraph_open", "paragraph_close", "fence", "paragraph_open", "paragraph_close")
    ]


@pytest.mark.parametrize(
    ("text", "expected"), [("", "–"), ("a", "`a`"), ("`a`", "`` `a` ``"), ("a``b", "```a``b```"), ("a|b", "`a\\|b`")]
)
def test_code_in_a_table_cell_is_escaped(text: str, expected: str) -> None:
    assert cell(text) == expected


@pytest.mark.parametrize(("number", "last"), [(0, []), (5, ["5"]), (6, ["5", "Further budgets: 1."])])
def test_problems_after_the_fifth_are_only_counted(number: int, last: list[str]) -> None:
    lines = list(first_ones([str(one + 1) for one in range(number)], "budgets"))
    assert lines[4:] == last
