"""The machine and the versions that the results depend on."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from gjobs.store.embedded.cluster import find_binaries

PACKAGES = ("gjobs", "textual", "psycopg", "sqlalchemy")

GIBIBYTE = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    taken_at: str
    quick: bool
    """Whether too little was measured for meaningful results."""
    machine: str
    cores: int
    memory_gib: float
    load: float
    """The load average of the minute before the start. Other load makes results worse."""
    system: str
    versions: Mapping[str, str]


def look_around(*, quick: bool) -> Surroundings:
    return Surroundings(
        taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
        quick=quick,
        machine=_processor(),
        cores=os.cpu_count() or 1,
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIBIBYTE, 1),
        load=round(os.getloadavg()[0], 2),
        system=platform.platform(),
        versions={
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
            "postgres": find_binaries().version,
        },
    )


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    if described.exists():
        for line in described.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
