"""A cluster with a self-signed certificate that refuses unencrypted connections."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import Conninfo, connect
from tests.hosted.cluster import SETTINGS, Server, make_roles
from tests.hosted.server_directory import LOCALHOST, Place

CERTIFIED_NAME = "localhost"
"""The host name that `sslmode=verify-full` requires."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsServer:
    server: Server
    certificate: Path
    """The file for `sslrootcert`."""

    def login(self, database: str = "postgres", role: str = "postgres") -> Conninfo:
        """Return a login with the name of the certificate and an address that needs no resolver."""
        return {**self.server.login(database, role), "host": CERTIFIED_NAME, "hostaddr": LOCALHOST}


def programs_with_tls(server: Server) -> Path | None:
    """Return the directory of Postgres programs with TLS: the server's or the system's newest; None without any."""
    with connect(server.administrator()) as administrator:
        if administrator.execute("show ssl_library").fetchone() != ("",):
            return server.programs
    installed = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    return max((path.parent for path in installed), key=lambda directory: int(directory.parent.name), default=None)


@contextmanager
def start_tls_server(place: Place, programs: Path, openssl: str) -> Iterator[TlsServer]:
    account = place.account(programs)
    directory = place.make_directory("tls.keys", account)
    certificate, key = directory / "server.crt", directory / "server.key"
    place.run(
        *(account, openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-days", "2", "-subj", f"/CN={CERTIFIED_NAME}", "-addext", f"subjectAltName=DNS:{CERTIFIED_NAME}"),
        *("-keyout", str(key), "-out", str(certificate)),
    )
    settings = {"ssl": "on", "ssl_cert_file": str(certificate), "ssl_key_file": str(key)}
    server = Server.on(place, programs, "tls", {**SETTINGS, **settings})
    server.initialise()
    access = server.data / "pg_hba.conf"
    access.write_text(f"local all all trust\nhostssl all all {LOCALHOST}/32 scram-sha-256\n")
    server.start()
    make_roles(server)
    yield TlsServer(server=server, certificate=certificate)
    server.stop()
