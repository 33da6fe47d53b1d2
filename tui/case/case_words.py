"""What all parts of a case's Markdown share: times in the case's zone, and names of projects."""

from datetime import datetime, tzinfo
from uuid import UUID

from gjobs.store.case.case import Case
from gjobs.store.far_times import FarTime
from gjobs.store.formats import plain_time
from gjobs.tui.text.format import short_id


def zone_name(zone: tzinfo) -> str:
    return str(getattr(zone, "key", None) or zone)


class CaseWords:
    def __init__(self, case: Case, zone: tzinfo) -> None:
        self.case = case
        self.zone = zone
        self._names = {one.id: one.name for one in case.projects}

    def time(self, time: datetime) -> str:
        """Return ISO 8601 to the second, with the offset of the case's zone."""
        if isinstance(time, FarTime):
            return plain_time(time)
        return time.astimezone(self.zone).isoformat(timespec="seconds").replace("+00:00", "Z")

    def project(self, project_id: UUID) -> str:
        return self._names.get(project_id) or short_id(project_id)
