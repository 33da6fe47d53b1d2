"""What finished or failed, in a few words. Pure."""

from store.model import JobStatus
from store.transitions import is_final
from store.watching.model import Transition
from tui.words.format import count, error_summary, short_id
from tui.words.text import clean, shorten

_LONGEST_MODE = 40
_LONGEST_ERROR = 80


class Finished:
    """Jobs that ended since it was last told of them."""

    def __init__(self) -> None:
        self._succeeded = self._failed = 0
        self._last: Transition | None = None
        """The last that failed, or else that succeeded."""

    def add(self, transition: Transition) -> None:
        """Does nothing where the job did not end."""
        status = transition.to_status
        if status is None or not is_final(status):
            return
        if status is JobStatus.FAILED:
            self._failed += 1
            self._last = transition
            return
        self._succeeded += 1
        if not self._failed:
            self._last = transition

    def __bool__(self) -> bool:
        return self._last is not None

    @property
    def has_failed(self) -> bool:
        return self._failed > 0

    def take(self) -> str:
        """A line, which is harmless; then there is nothing left to tell."""
        last, succeeded, failed = self._last, self._succeeded, self._failed
        self._last, self._succeeded, self._failed = None, 0, 0
        if last is None:
            return ""
        error = _error(last) if failed else ""
        if succeeded + failed == 1:
            return f"{shorten(clean(last.mode), _LONGEST_MODE)} {short_id(last.job_id)} {last.to_status}{error}"
        parts = [f"{count(number)} {word}" for number, word in ((failed, "failed"), (succeeded, "succeeded")) if number]
        return f"{' and '.join(parts)}{error}"


def _error(transition: Transition) -> str:
    summary = shorten(clean(error_summary(transition.error)), _LONGEST_ERROR)
    return f": {summary}" if summary else ""
