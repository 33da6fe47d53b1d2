"""What happened to a job, in words. Pure; what comes from the database is made harmless by whoever draws it."""

from datetime import timedelta

from store.events.model import EventKind, JobEvent
from tui.words.format import duration, error_summary, money, short_id


def what(event: JobEvent) -> str:
    """What it was, without why or who."""
    match event.kind:
        case EventKind.CREATED:
            return f"created, {event.to_status}"
        case EventKind.DELETED:
            return f"deleted, was {event.from_status}"
        case EventKind.ARCHIVED:
            return f"archived, was {event.from_status}"
        case EventKind.RESTORED:
            return f"restored, {event.to_status}"
        case EventKind.STATUS:
            return f"{event.from_status} → {event.to_status}"
        case EventKind.RETRY:
            return "postponed" if event.to_status is None else f"retry {event.retry_count or 0}"
        case EventKind.ERROR:
            return "error noted" if event.error else "error removed"
        case EventKind.COST:
            return "cost changed"
        case EventKind.CHANGED:
            return f"changed, mode {event.mode}"
        case EventKind.OWNER:
            return "lease"
        case EventKind.PROGRESS:
            return "progress"


def cost(event: JobEvent) -> str:
    """What the job costs since, where the event changed it; else nothing."""
    if event.kind in (EventKind.DELETED, EventKind.ARCHIVED) or not event.cents_change:
        return ""
    if event.kind in (EventKind.CREATED, EventKind.RESTORED):
        return money(event.cost_cents)
    sign = "+" if event.cents_change > 0 else ""
    return f"{sign}{money(event.cents_change)} = {money(event.cost_cents)}"


def why(event: JobEvent) -> str:
    """The worker's note, and the error's first line where the event is about it."""
    return ": ".join(filter(None, (event.note, error_summary(event.error))))


def by(event: JobEvent) -> str:
    """The user who acted, else the database's role; the program, where it says its name; whose lease the job had."""
    worker = f"worker {event.lease_owner[:8]}" if event.lease_owner else ""
    if worker and event.from_status is None and event.to_status is None:
        return worker
    who = f"user {short_id(event.actor_user_id)}" if event.actor_user_id else event.actor_role
    where = f" in {event.application}" if event.application else ""
    return f"{who}{where}, {worker}" if worker else f"{who}{where}"


def lasted(time: timedelta) -> str:
    """Short times are not all the same: below ten seconds with a tenth."""
    seconds = time.total_seconds()
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)
