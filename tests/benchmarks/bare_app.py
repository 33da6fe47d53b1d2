"""A minimal Textual app, to compare the start-up with."""

from textual.app import App, ComposeResult
from textual.widgets import Static

MARKER = "bare and ready"


class BareApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Static(MARKER)


if __name__ == "__main__":
    BareApp().run()
