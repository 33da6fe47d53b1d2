"""What is wrong with the database and since when, above data that stay readable."""

from datetime import datetime

from textual.content import Content
from textual.widgets import Static

from store.errors import StoreError
from tui.format import elapsed, local_time
from tui.text import clean


class Banner(Static):
    """Hidden while all is well."""

    DEFAULT_CSS = """
    Banner {
        display: none;
        height: auto;
        padding: 0 1;
        background: $error-muted;
        color: $text-error;

        &.-shown { display: block; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, markup=False)
        self._content: Content | None = None

    def show(
        self,
        error: StoreError,
        *,
        since: datetime,
        data_from: datetime | None,
        retry_at: datetime | None,
        now: datetime,
    ) -> None:
        """Times by the local clock. `data_from` is None while nothing was read, `retry_at` while nothing is tried."""
        what = clean(error.message, limit=400)
        first = Content.assemble((f"✗ {what}", "bold"), f" Since {local_time(since)[11:]}.")
        words = [error.hint] if error.hint else []
        if data_from is not None:
            words.append(f"The data below are {elapsed((now - data_from).total_seconds())} old.")
        if retry_at is None:
            words.append("Press r to try again.")
        else:
            words.append("Trying again by itself; r tries at once.")
        self._put(Content("\n").join([first, Content(" ".join(words))]))

    def hide(self) -> None:
        self._content = None
        self.remove_class("-shown")

    def _put(self, content: Content) -> None:
        if content != self._content:
            self._content = content
            self.update(content)
            self.add_class("-shown")
