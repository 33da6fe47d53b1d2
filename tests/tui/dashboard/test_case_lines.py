"""The lines of a case on a narrow screen."""

from gjobs.tui.case.case_text import block, cell, table
from gjobs.tui.dashboard.features.case import case_lines

ID = "2b840495-51ee-5d9c-9568-da5ea6f7ec2e"
TEXT = "\n".join(
    [
        "## Jobs",
        "The user sees 3 of 5 of the jobs that concern them.",
        *table(
            ("id", "error"), [(f"`{ID}`", cell("a | b \\| c and the rest of a long error")), ("`x`", cell("界" * 20))]
        ),
        "",
        *table(("fact", "value"), [("mode", "lifestyle")]),
        *block("| not a table\n" + "y" * 60),
    ]
)


def test_sentences_are_wrapped_and_wide_tables_are_cut_and_shifted() -> None:
    content, most_hidden = case_lines(TEXT, width=40, hidden=0)
    assert content.plain.splitlines() == [
        "## Jobs",
        "The user sees 3 of 5 of the jobs that",
        "concern them.",
        "| id         | error |",
        "| ---------- | --- |",
        "| `2b840495` | `a \\| b \\ \\| c and the r…",
        "| `x`        | `界界界界界界界界界界界 …",
        "",
        "| fact | value |",
        "| ---- | --- |",
        "| mode | lifestyle |",
        "```text",
        "| not a table",
        "y" * 39 + "…",
        "```",
    ]
    shifted, _ = case_lines(TEXT, width=40, hidden=most_hidden)
    assert shifted.plain.splitlines()[:3] == content.plain.splitlines()[:3]
    assert shifted.plain.splitlines()[5].endswith("the rest of a long error` |")
    assert shifted.plain.splitlines()[8:11] == content.plain.splitlines()[8:11]


def test_tables_that_fit_have_whole_ids() -> None:
    content, most_hidden = case_lines(TEXT, width=200, hidden=0)
    assert content.plain == TEXT
    assert most_hidden == 0
