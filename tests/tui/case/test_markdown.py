"""Untrusted text in Markdown: nothing breaks out of a code span, a table or a fence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from gjobs.tui.case.case_text import block, cell, code, table
from gjobs.tui.text.clean_text import clean

HOSTILE = st.text(st.sampled_from("`|\\ \n<>[]()*_#@!&~-ax\x1b\u202e\r\t"), max_size=40)


def tokens(text: str) -> list[Token]:
    return [child for token in MarkdownIt("gfm-like").parse(text) for child in (token, *(token.children or ()))]


@given(HOSTILE, HOSTILE)
def test_table_keeps_its_columns_and_shows_text_as_code(first: str, second: str) -> None:
    lines = table(("a", "b"), [(cell(first), cell(second))])
    found = tokens("\n".join(lines))
    kinds = [token.type for token in found]
    assert kinds.count("td_open") == 2
    assert set(kinds) <= {
        *("table_open", "table_close", "thead_open", "thead_close", "tbody_open", "tbody_close", "tr_open", "tr_close"),
        *("th_open", "th_close", "td_open", "td_close", "inline", "text", "code_inline"),
    }


@given(HOSTILE)
def test_span_shows_the_whole_text(text: str) -> None:
    shown = "".join(token.content for token in tokens(f"x {code(text)} y") if token.type == "code_inline")
    assert shown == clean(text).strip()


@given(HOSTILE)
def test_block_is_one_fence(text: str) -> None:
    found = MarkdownIt("gfm-like").parse("\n".join(["before", "", *block(text), "", "after"]))
    assert [token.type for token in found if token.level == 0] == [
        *("paragraph_open", "paragraph_close", "fence", "paragraph_open", "paragraph_close")
    ]


@pytest.mark.parametrize(
    ("text", "expected"), [("", "–"), ("a", "`a`"), ("`a`", "`` `a` ``"), ("a``b", "```a``b```"), ("a|b", "`a\\|b`")]
)
def test_code_spans_in_tables(text: str, expected: str) -> None:
    assert cell(text) == expected
