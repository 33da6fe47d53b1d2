"""`gjobs help`: topics, pages, search, and a pager on a terminal."""

import signal

from gjobs.tui.manual.pages import GROUPS, TOPICS, page_text, summary
from tests.cli.command_line import OpenTerminal, Run, assert_refused


def test_help_lists_every_topic_with_its_summary(gjobs: Run) -> None:
    done = gjobs("help")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    for topic in TOPICS:
        assert any(line.split() == [topic, *summary(topic).split()] for line in lines)
    assert set(GROUPS) <= set(lines)
    assert max(map(len, lines[1:])) < 80


def test_help_prints_a_page_or_the_usage_of_a_command_without_one(gjobs: Run) -> None:
    done = gjobs("help", "budgets")
    assert (done.code, done.out, done.err) == (0, page_text("budgets"), "")
    assert "<!--" not in done.out
    assert "\x1b" not in done.out

    assert gjobs("help", "jobs", "list").out.startswith("usage: gjobs jobs list")


def test_help_search_lists_the_pages_with_the_words(gjobs: Run) -> None:
    assert_refused(gjobs("help", "--search", "no-such-word"), 1, "No page contains 'no-such-word'.")
    done = gjobs("help", "--search", "worker dies")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()] == ["TOPIC", "workers", "demo"]
    assert "What happens when a worker dies" in done.out
    links = gjobs("help", "--search", "journal of what").out
    assert "writing-safely explains the journal of what gjobs itself wrote." in links

    for word in ("mouse", "clipboard"):
        assert gjobs("help", "--search", word).out.splitlines()[1].split()[:2] == ["keys", word.capitalize()]


def test_help_search_shows_the_words_on_a_narrow_terminal(open_terminal: OpenTerminal) -> None:
    terminal = open_terminal("help", "--search", "lease", columns=80)
    assert terminal.finish() == 0
    lines = terminal.screen.splitlines()
    (found,) = [line for line in lines if line.startswith("connecting ")]
    assert "leases" in found.partition("database")[2]
    assert max(map(len, lines)) <= 80


def test_help_shows_a_page_in_the_pager_on_a_terminal(open_terminal: OpenTerminal) -> None:
    terminal = open_terminal("help", "budgets", environment={"PAGER": "sed s/^/paged:/"})
    assert terminal.finish() == 0
    assert "paged:" in terminal.screen
    assert "\x1b[" in terminal.screen
    assert "](retention.md)" not in terminal.screen


def test_signals_leave_the_terminal_as_it_was_before_the_pager(open_terminal: OpenTerminal) -> None:
    for number, code in ((signal.SIGINT, 0), (signal.SIGTERM, -signal.SIGTERM)):
        terminal = open_terminal("help", "budgets", environment={"PAGER": "less"})
        terminal.read_until("\x1b[K")
        assert not terminal.echoes
        terminal.process.send_signal(number)
        if number == signal.SIGINT:
            # The pager still shows the end of the page.
            terminal.type("G")
            terminal.read_until("whole cents")
            terminal.type("q")
        assert terminal.finish() == code
        assert terminal.echoes


def test_help_prints_the_page_when_the_pager_cannot_be_run(open_terminal: OpenTerminal) -> None:
    terminal = open_terminal("help", "exit-codes", environment={"PAGER": "no-such-pager"})
    assert terminal.finish() == 0
    assert "Can't run the pager 'no-such-pager'. Check the variable PAGER." in terminal.screen
    assert "timed out" in terminal.screen
