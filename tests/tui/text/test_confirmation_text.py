"""The message after a declined question."""

from gjobs.tui.text.write_text import Confirmation, confirm_deletion
from tests.store.store_fixtures import a_job


def test_declined_question_says_what_was_not_done_and_names_the_key_that_confirms() -> None:
    question = Confirmation(title="", lines=(), agree="Try", declined="It was kept. {key} tries.")
    deletion = confirm_deletion([a_job()], project_names={}, database="testbase", undo="")

    assert question.declined.format(key="y") == "It was kept. y tries."
    assert deletion.declined.format(key="{y}") == "Nothing was deleted. {y} deletes."
