"""One user's hold on the embedded server."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from store.embedded.address import connection_info, server_uri
from store.embedded.locks import exclusive
from store.embedded.paths import Layout
from store.embedded.report import Report
from store.embedded.seats import Seat


class ServerLease:
    """The server stays up at least until this is released, or this process ends however it ends."""

    def __init__(self, layout: Layout, socket_dir: str, seat: Seat, report: Report, revive: Callable[[], bool]) -> None:
        self.revive = revive
        """Starts the server again if it died without being told to, and waits for a recovery; whether it did."""
        self._layout = layout
        self._seat: Seat | None = seat
        self._report = report
        self.data_dir: Path = layout.data_dir
        self.conninfo: Mapping[str, str] = connection_info(socket_dir)
        """Keyword arguments for `psycopg.connect`; `host` is the socket's directory."""
        self.uri: str = server_uri(socket_dir)
        """For libpq and whatever uses it."""

    @property
    def needs_sample(self) -> bool:
        """Whether the cluster was made and nobody has yet said `sample_filled`."""
        return self._layout.sample_needed.exists()

    def sample_filled(self) -> None:
        self._layout.sample_needed.unlink(missing_ok=True)

    def preparing(self) -> AbstractContextManager[None]:
        """Only one process at a time is inside: for migrating and filling, which look and then act."""
        return exclusive(self._layout.prepare_lock, self._report)

    def release(self) -> None:
        """Stop using the server. Without effect the second time."""
        seat, self._seat = self._seat, None
        if seat is not None:
            seat.leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
