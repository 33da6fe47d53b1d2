"""Writes a case as Markdown, or as a zip file that adds JSON and CSV."""

import io
import json
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import PurePath

from gjobs.tui.case.build_case import BuiltCase
from gjobs.tui.case.case_document import case_document, event_rows, job_rows
from gjobs.tui.case.case_text import case_markdown
from gjobs.tui.case.redaction import SecretKind
from gjobs.tui.export.export_formats import FileFormat, writer
from gjobs.tui.export.file_writer import new_file
from gjobs.tui.text.shared_documents import Json


class CaseFormat(StrEnum):
    MARKDOWN = "markdown"
    ZIP = "zip"


SUFFIXES = {".md": CaseFormat.MARKDOWN, ".zip": CaseFormat.ZIP}


def case_format(name: str) -> CaseFormat | None:
    """Return the format for the file's suffix. None if no format has it."""
    return SUFFIXES.get(PurePath(name).suffix.lower())


def case_file_name(built: BuiltCase) -> str:
    """Return a file name without characters that are special to a shell or file system."""
    case = built.case
    who = f"job-{str(case.job_id)[:8]}" if case.job_id else (case.user.email or str(case.user.id)).partition("@")[0]
    safe = "".join(one if one.isascii() and (one.isalnum() or one in "-_") else "-" for one in who)[:40]
    return f"case-{safe.strip('-') or 'user'}.md"


def write_case(built: BuiltCase, name: str, *, overwrites: bool) -> Mapping[SecretKind, int] | None:
    """Write the file completely or not at all, readable only by its owner. Raises as `new_file` does.

    Return the number of redacted values in the file, by kind. None if redaction is off.
    """
    is_zip = case_format(name) is CaseFormat.ZIP
    texts = _texts_of_zip(built) if is_zip else {name: case_markdown(built)}
    content = _packed(texts, built) if is_zip else texts[name].encode()
    with new_file(name, overwrites=overwrites) as write:
        write(content)
    return built.counts_in("\n".join(texts.values()))


def _texts_of_zip(built: BuiltCase) -> Mapping[str, str]:
    csv = writer(FileFormat.CSV)
    return {
        "case.md": case_markdown(built),
        "case.json": _json(case_document(built)),
        "jobs.csv": csv.begin() + csv.rows(built.case.jobs) + csv.end(),
        "jobs.json": _json(job_rows(built.case)),
        "events.json": _json(event_rows(built.case)),
    }


def _packed(texts: Mapping[str, str], built: BuiltCase) -> bytes:
    """Return the zip file. The same case gives the same bytes."""
    taken_at = built.case.taken_at.astimezone(UTC)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(_entry(name, taken_at), text.encode())
    return packed.getvalue()


def _entry(name: str, taken_at: datetime) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, taken_at.timetuple()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry


def _json(value: Json) -> str:
    return json.dumps(value, indent=2) + "\n"
