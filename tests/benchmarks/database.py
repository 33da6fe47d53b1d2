"""A migrated database with generated jobs, on a server of its own that is gone afterwards."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from migrations.runner import upgrade
from store.embedded import open_server, throw_away_dir
from tests.benchmarks.generator import Owner, fill


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledDatabase:
    conninfo: Mapping[str, str]
    """The operator's."""
    owner: Owner
    """Of a tenth of the jobs."""


@contextmanager
def filled_database(jobs: int) -> Iterator[FilledDatabase]:
    with open_server(throw_away_dir(), grace=0.1, remove_after=True) as lease:
        upgrade(lease.conninfo)
        yield FilledDatabase(conninfo=lease.conninfo, owner=fill(lease.conninfo, jobs))
