"""What the body of a function does, as far as its text tells. Pure; nothing of it is ever run."""

import re

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_SPACE = re.compile(r"\s+")
_UPDATE = re.compile(r'\bupdate\s+(?:only\s+)?(?:"?public"?\s*\.\s*)?"?generation_jobs"?\b(?P<rest>[^;]*)')
_SETS_STATUS = re.compile(r'\bset\b.*?\bstatus"?\s*=', re.DOTALL)
_STATUS = re.compile(r"\bstatus\b")
_LOCKS = re.compile(r"\bfor\s+(?:no\s+key\s+)?update\b|\block\s+table\b|\bpg_(?:try_)?advisory")
_OWN_ID = r"(?:\(\s*select\s+)?auth\s*\.\s*uid\s*\(\s*\)(?:\s*as\s+\w+)?\s*\)?"


def is_racy(body: str) -> bool:
    """Whether it sets a job's status with nothing that stops another transaction from having moved the job meanwhile.

    A lock taken before, or the status in the update's own condition, stops it.
    """
    text = _plain(body)
    if _LOCKS.search(text):
        return False
    return any(_is_unguarded(found["rest"]) for found in _UPDATE.finditer(text))


def checks_caller(body: str, argument: str) -> bool:
    """Whether it compares this argument with the caller's own id. To fall back on that id is no check."""
    text = _plain(body)
    if "row_security_active" in text:
        return True
    name = re.escape(argument.lower())
    before = re.compile(rf"\b{name}\b\s*(?:=|<>|!=|is\s+(?:not\s+)?distinct\s+from)\s*{_OWN_ID}")
    after = re.compile(rf"{_OWN_ID}\s*(?:=|<>|!=|is\s+(?:not\s+)?distinct\s+from)\s*\b{name}\b")
    return bool(before.search(text) or after.search(text))


def _is_unguarded(update: str) -> bool:
    assignments, _, condition = update.partition(" where ")
    return bool(_SETS_STATUS.search(assignments)) and not _STATUS.search(condition)


def _plain(body: str) -> str:
    return _SPACE.sub(" ", _COMMENT.sub(" ", body)).lower()
