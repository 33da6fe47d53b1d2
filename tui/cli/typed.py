"""What is asked of any text that is typed. Pure."""


class Mistyped(Exception):
    """Its words say what is accepted, and go on where the option's name ends."""


def not_empty(text: str) -> str:
    """An empty text mostly comes from a variable that is not set: it must not stand for the default."""
    if not text.strip():
        raise Mistyped("it is empty")
    return text
