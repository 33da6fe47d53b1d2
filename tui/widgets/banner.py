"""What is wrong with the database and since when, or with what is seen of it, above data that stay readable."""

from datetime import datetime

from textual.content import Content

from tui.keys.app_bindings import APP_BINDINGS
from tui.keys.moved_keys import key_of
from tui.messages import LookFailed
from tui.widgets.steady_text import SteadyText
from tui.words.format import elapsed, local_time
from tui.words.text import clean


class Banner(SteadyText):
    """Hidden while all is well."""

    DEFAULT_CSS = """
    Banner {
        display: none;
        height: auto;
        padding: 0 1;
        background: $error-muted;
        color: $text-error;

        &.-shown { display: block; }
        &.-caution { background: $warning-muted; color: $text-warning; }
    }
    """

    def show(self, failure: LookFailed, *, data_from: datetime | None, is_paused: bool, now: datetime) -> None:
        """Times by the local clock. `data_from` is None while nothing was read."""
        key = key_of(self.app, APP_BINDINGS, "app.refresh")
        self.say(banner_content(failure, data_from=data_from, is_paused=is_paused, now=now, refresh=key))
        self.set_class(False, "-caution")
        self.add_class("-shown")

    def warn(self, sentences: str) -> None:
        """Of data that are fresh, and are not what they may be taken for."""
        self.say(Content(f"! {clean(sentences, limit=400)}"))
        self.add_class("-shown", "-caution")

    def hide(self) -> None:
        self.remove_class("-shown")


def banner_content(
    failure: LookFailed, *, data_from: datetime | None, is_paused: bool, now: datetime, refresh: str = "f5"
) -> Content:
    """`refresh` is the key that looks at once."""
    _, _, since = local_time(failure.since).partition(" ")
    first = Content.assemble((f"✗ {clean(failure.error.message, limit=400)}", "bold"), f" Since {since}.")
    words = [clean(failure.error.hint, limit=400)] if failure.error.hint else []
    if data_from is not None:
        words.append(f"What is shown is {elapsed((now - data_from).total_seconds())} old.")
    if failure.retry_at is None or is_paused:
        words.append(f"Press {refresh} to try again.")
    else:
        words.append(f"Tried again by itself; {refresh} tries at once.")
    return Content("\n").join([first, Content(" ".join(words))])
