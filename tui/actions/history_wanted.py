"""The wish to know what happened to a job, which it takes the database to answer."""

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from tui.screens.details import JobDetails


class HistoryWanted(Message):
    """Of the job that these details show."""

    def __init__(self, details: "JobDetails") -> None:
        super().__init__()
        self.details = details
