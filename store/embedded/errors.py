"""What can go wrong with the embedded server."""

from pathlib import Path

from store.errors import StoreError, Unreachable


class EmbeddedUnavailable(Unreachable):
    """The embedded server cannot run here, or did not start."""

    hint = "Set GJOBS_DATA_DIR to another directory, or give --database-url to use another database."


class ServerInUse(StoreError):
    """Other processes use the server, so what was asked for was not done. `processes` is how many."""

    hint = "Close the other dashboards and commands, then try again."

    def __init__(self, data_dir: Path, processes: int) -> None:
        uses = "process uses" if processes == 1 else "processes use"
        super().__init__(f"{processes} {uses} the database in {data_dir}.")
        self.processes = processes
