"""The keys that are the App's own; each has an id, so that it can be moved, and a tooltip, which the help shows."""

from textual.binding import Binding, BindingType

APP_BINDINGS: list[BindingType] = [
    Binding("u", "pick_eyes", "user", id="app.user", tooltip="Look with a user's eyes, or the operator's"),
    Binding(
        "i", "isolation", "Isolation", show=False, id="app.isolation", tooltip="Try whether users reach others' rows"
    ),
    Binding("t", "times", "Times", show=False, id="app.times", tooltip="How long jobs wait and run, how many fail"),
    Binding("w", "workers", "Workers", show=False, id="app.workers", tooltip="Who works, and what they hold"),
    Binding(
        "D", "pick_database", "Database", show=False, id="app.database", tooltip="Look at another database: a profile"
    ),
    Binding("W", "write", "Write", show=False, id="app.write", tooltip="Write for some minutes, or end it"),
    Binding("f5,ctrl+r", "refresh", "Refresh", show=False, id="app.refresh", tooltip="Look again at once"),
    Binding("z", "pause", "Pause", show=False, id="app.pause", tooltip="Pause the looking, or go on"),
    Binding("plus", "faster", "Faster", show=False, id="app.faster", tooltip="Look more often"),
    Binding("minus", "slower", "Slower", show=False, id="app.slower", tooltip="Look less often"),
    Binding(
        "L", "load", "Load", show=False, id="app.load", tooltip="Say what this dashboard costs database and machine"
    ),
    Binding("question_mark", "help", "help", id="app.help", tooltip="Show all keys"),
    Binding("v", "lens", "lens", id="app.lens", tooltip="Show beside what a user sees what they do not, and why"),
    Binding("q", "quit", "Quit", show=False, id="app.quit", tooltip="Leave gjobs"),
    Binding(
        "ctrl+q",
        "quit",
        "Quit",
        show=False,
        priority=True,
        id="app.quit_anywhere",
        tooltip="Leave gjobs, from a dialog, too",
    ),
]
