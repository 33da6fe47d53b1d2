"""The message after a declined question."""

import pytest

from gjobs.tui.text.write_text import Confirmation, declined_words


@pytest.mark.parametrize(
    ("agree", "words"),
    [
        ("Delete 3", "Nothing was deleted. y deletes."),
        ("Start 2", "Nothing was started. y starts."),
        ("Complete 2", "Nothing was completed. y completes."),
        ("Retry", "Nothing was retried. y retries."),
        ("Try", "Nothing was tried. y tries."),
        ("Check", "Nothing was checked. y checks."),
        ("Archive 12", "Nothing was archived. y archives."),
    ],
)
def test_declined_question_names_what_was_not_done_and_the_key_that_does_it(agree: str, words: str) -> None:
    confirmation = Confirmation(title="", lines=(), warning=None, agree=agree, is_dangerous=False)

    assert declined_words(confirmation, "y") == words
