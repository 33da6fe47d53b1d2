"""How a status looks: always a glyph and the word, so that no meaning hangs on a colour. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

from store.model import JobStatus

STATUS_GLYPHS: Mapping[JobStatus, str] = MappingProxyType(
    {
        JobStatus.QUEUED: "◌",
        JobStatus.RUNNING: "▸",
        JobStatus.SUCCEEDED: "✓",
        JobStatus.FAILED: "✗",
    }
)
"""One cell wide in every terminal, and without an emoji form."""

STATUS_STYLES: Mapping[JobStatus, str] = MappingProxyType(
    {
        JobStatus.QUEUED: "$foreground-muted",
        JobStatus.RUNNING: "$text-primary",
        JobStatus.SUCCEEDED: "$text-success",
        JobStatus.FAILED: "$text-error",
    }
)
"""As the themes name colours."""


def status_label(status: JobStatus) -> str:
    return f"{STATUS_GLYPHS[status]} {status}"
