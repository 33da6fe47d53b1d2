"""Which key does what: the bindings, a person's own, and how they are told.

What the command palette finds is imported when it is opened.
"""

from typing import TYPE_CHECKING

from store.when_used import names_of

if TYPE_CHECKING:
    from tui.keys.commands import DashboardCommands, DatabaseCommands, ProjectCommands
    from tui.keys.retention_commands import RetentionCommands
    from tui.keys.view_commands import ViewCommands

__all__ = ["DashboardCommands", "DatabaseCommands", "ProjectCommands", "RetentionCommands", "ViewCommands"]

__getattr__ = names_of(
    __name__,
    {
        "commands": ("DashboardCommands", "DatabaseCommands", "ProjectCommands"),
        "retention_commands": ("RetentionCommands",),
        "view_commands": ("ViewCommands",),
    },
)
