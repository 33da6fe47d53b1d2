"""A case as JSON and CSV, in a file or zip. Times are ISO 8601 in UTC, money is integer cents."""

import io
import json
import zipfile
from collections.abc import Mapping
from datetime import UTC
from pathlib import PurePath

from gjobs.store.case.case import Case, CaseJob, CaseVisibility
from gjobs.store.job_list.list_query import ReadRules
from gjobs.store.jobs.job import plain_job
from gjobs.store.jobs.job_results import NO_LINKS, JobHistory
from gjobs.store.leases.lease import WorkerStatus
from gjobs.tui.case.build_case import BuiltCase
from gjobs.tui.case.case_text import case_markdown, zone_name
from gjobs.tui.case.secret_patterns import SecretKind
from gjobs.tui.export import export_files
from gjobs.tui.export.export_files import Document, Json, all_fields, plain


def case_document(built: BuiltCase) -> dict[str, Json]:
    """Return the document. The document includes the number of values redacted in it."""
    made = _document(built)
    counts = built.counts_in(json.dumps(made, ensure_ascii=False))
    found = None if counts is None else {str(kind): counts[kind] for kind in SecretKind if counts.get(kind)}
    return {**made, "redactions": found}


def _document(built: BuiltCase) -> dict[str, Json]:
    case, now, workers = built.case, built.case.taken_at, built.case.workers
    return {
        "taken_at": plain(now),
        "time_zone": zone_name(built.zone),
        "database": built.database,
        "reader": case.reader,
        "user": plain(case.user),
        "job_id": plain(case.job_id),
        "redactions": None,  # Counted at last.
        "visibility": _visibility(case.visibility) if case.visibility else None,
        "projects": plain(case.projects),
        "job_count": case.total_count,
        "job_count_is_capped": case.are_costs_capped,
        "costs": plain(case.costs),
        "archived": plain(case.archived),
        "failures_in_last_day": case.recent_failures.number if case.recent_failures else None,
        "failures": None if case.failures is None else export_files.error_groups(case.failures),
        "jobs": job_rows(case),
        "stuck_job_ids": sorted(map(str, case.stuck_ids)),
        **_about_job(case.subject),
        "events": event_rows(case),
        "budgets": None if case.budgets is None else list(map(export_files.budget(now), case.budgets)),
        "workers": {**all_fields(workers), "holders": list(map(_HOLDER, workers.holders))} if workers else None,
        "findings": plain(case.findings),
        "settings": dict(case.settings),
        "unread": plain(case.unread),
    }


def job_rows(case: Case) -> list[Json]:
    return [plain_job(job) for job in case.jobs]


def event_rows(case: Case) -> list[Json]:
    return list(map(_HISTORY, case.timelines))


_HISTORY = Document(
    JobHistory,
    "job_id has_older_events=is_cut log_begins_at",
    ("seconds_in_status", export_files.seconds_in_status),
    "events",
)
_RULES = Document(ReadRules, "role is_granted has_row_security holds_for_reader=holds_for_operator")
_HOLDER = Document(WorkerStatus, "id name is_alive")


def _visibility(found: CaseVisibility) -> dict[str, Json]:
    rules = found.rules
    return {
        "seen": found.seen.number,
        "seen_is_capped": found.seen.is_more,
        "everything": found.everything.number,
        "everything_is_capped": found.everything.is_more,
        "compared": found.compared,
        "hidden_job_ids": plain([job.id for job in found.hidden]),
        **_RULES(rules),
        "policies": [{"name": one.name, "permissive": one.is_permissive, "using": one.using} for one in rules.policies],
        "partial_claims": list(found.partial_claims),
    }


def _about_job(subject: CaseJob | None) -> dict[str, Json]:
    """Return the facts that exist only for the job of the case, not for the other jobs."""
    links = all_fields(subject.links if subject else NO_LINKS)
    is_stuck = subject.stuck.is_stuck if subject and subject.stuck else None
    archived_at, asset = (subject.archived_at, subject.asset) if subject else (None, None)
    return {**links, "is_stuck": is_stuck, "archived_at": plain(archived_at), "input_asset": plain(asset)}


SUFFIXES = (".md", ".zip")
"""A .md file is Markdown."""


def has_case_suffix(name: str) -> bool:
    return PurePath(name).suffix.lower() in SUFFIXES


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
    is_zip = PurePath(name).suffix.lower() == ".zip"
    texts = _texts_of_zip(built) if is_zip else {name: case_markdown(built)}
    content = _packed(texts, built) if is_zip else texts[name].encode()
    with export_files.new_file(name, overwrites=overwrites) as write:
        write(content)
    return built.counts_in("\n".join(texts.values()))


def _texts_of_zip(built: BuiltCase) -> Mapping[str, str]:
    csv = export_files.writer(export_files.FileFormat.CSV)
    return {
        "case.md": case_markdown(built),
        "case.json": _json(case_document(built)),
        "jobs.csv": csv.begin() + csv.rows(built.case.jobs) + csv.end(),
        "jobs.json": _json(job_rows(built.case)),
        "events.json": _json(event_rows(built.case)),
    }


def _packed(texts: Mapping[str, str], built: BuiltCase) -> bytes:
    """Return the zip file. The same case gives the same bytes."""
    taken_at = built.case.taken_at.astimezone(UTC).timetuple()[:6]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in texts.items():
            entry = zipfile.ZipInfo(name, taken_at)
            entry.external_attr = 0o600 << 16
            archive.writestr(entry, text.encode(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _json(value: Json) -> str:
    return json.dumps(value, indent=2) + "\n"
