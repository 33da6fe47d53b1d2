"""What the command line itself raises. Each message is a sentence for people; `hint` says what to do about it."""


class CommandError(Exception):
    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(CommandError):
    """What was typed, or where it was typed, does not serve."""


class Declined(CommandError):
    """The person said no, or nothing could be done: nothing was changed."""
