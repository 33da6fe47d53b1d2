"""Each source of a password and of an encrypted connection, on a server that requires both."""

from pathlib import Path
from urllib.parse import quote

import pytest

from gjobs.store.capabilities.capability import Transport
from gjobs.store.configuration.config_file import ConfigurationFile, load
from gjobs.store.configuration.settings import Settings, resolve
from gjobs.store.errors import SignInRefused, StoreError, Unreachable
from gjobs.tui.session import open_session
from tests.conftest import Conninfo
from tests.hosted.cluster import PASSWORD
from tests.hosted.tls import TlsServer

pytestmark = [pytest.mark.reads, pytest.mark.xdist_group("tls")]

ENCRYPTED = Transport(is_encrypted=True, is_local=True)

PLAIN = Transport(is_encrypted=False, is_local=True)


@pytest.fixture(autouse=True)
def no_other_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("PGPASSFILE", "PGPASSWORD", "PGSERVICEFILE", "PGSERVICE", "PGSSLMODE"):
        monkeypatch.delenv(name, raising=False)


def configured(directory: Path, *lines: str) -> Settings:
    """Return the settings of the only profile."""
    file = directory / "config.toml"
    file.write_text("\n".join(["[profiles.prod]", *lines]), encoding="utf-8")
    file.chmod(0o600)
    configuration = load(ConfigurationFile(path=file, named_by="--config"))
    return resolve(profile="prod", data_dir=directory, environment={}, configuration=configuration)


def address(login: Conninfo, *, password: str = "") -> str:
    """Return the address as a URL, without a password unless one is given."""
    secret = f":{quote(password, safe='')}" if password else ""
    return f'url = "postgresql://{login["user"]}{secret}@{login["host"]}:{login["port"]}/{login["dbname"]}"'


async def encryption_of(settings: Settings) -> Transport | None:
    """Return the encryption of the connection that reads the users."""
    async with open_session(settings, print) as session:
        await session.operator.get_users()
        return session.operator.database.connections.transport


async def test_password_is_read_from_the_url_or_the_password_file(
    app_database: Conninfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await encryption_of(configured(tmp_path, address(app_database, password=PASSWORD))) == PLAIN
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    file = tmp_path / ".pgpass"
    file.write_text(f"*:{app_database['port']}:*:{app_database['user']}:{escaped}\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    assert await encryption_of(configured(tmp_path, address(app_database))) == PLAIN


async def test_connection_is_read_from_the_service_file(
    app_database: Conninfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "services.conf"
    file.write_text("\n".join(["[the app]", *(f"{name}={value}" for name, value in app_database.items())]) + "\n")
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    settings = configured(tmp_path, 'service = "the app"')
    assert await encryption_of(settings) == PLAIN
    async with open_session(settings, print) as session:
        assert session.full_name == "prod (the app)"


async def test_password_command_runs_once_for_all_connections(app_database: Conninfo, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    script = tmp_path / "secret"
    script.write_text(f"#!/bin/sh\necho x >> {runs}\nprintf '%s\\n' '{PASSWORD}'\n")
    script.chmod(0o700)
    settings = configured(tmp_path, address(app_database), f'password_command = ["{script}"]')
    assert await encryption_of(settings) == PLAIN
    assert runs.read_text() == "x\n"


async def test_refused_password_of_a_command_is_not_retried(app_database: Conninfo, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    words = f"echo x >> {runs}; echo hunter2"
    settings = configured(tmp_path, address(app_database), f'password_command = ["sh", "-c", "{words}"]')
    with pytest.raises(SignInRefused, match="password authentication failed") as caught:
        await encryption_of(settings)
    assert "hunter2" not in str(caught.value)
    assert runs.read_text() == "x\n"


async def test_expired_password_is_requested_from_the_command_again(app_database: Conninfo, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    settings = configured(tmp_path, address(app_database), f'password_command = ["cat", "{file}"]')
    async with open_session(settings, print) as session:
        await session.operator.get_users()
        password = session.operator.database.connections.password
        assert password is not None
        password._password = "has run out"
        connections = session.operator.database.connections
        while connections._idle:
            await connections._idle.pop().close()
        assert await session.operator.get_users()


async def test_password_file_readable_by_others_is_refused_without_printing(
    app_database: Conninfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "passwords"
    file.write_text(f"*:*:*:*:{PASSWORD}".replace("s:w", "s\\:w"))
    monkeypatch.setenv("PGPASSFILE", str(file))
    without = configured(tmp_path, address({**app_database, "password": ""}))
    file.chmod(0o640)
    with pytest.raises(SignInRefused) as caught:
        await encryption_of(without)
    assert str(caught.value.hint).endswith(f"Run chmod 600 {file}")
    assert capfd.readouterr().err == ""
    file.chmod(0o600)
    assert await encryption_of(without) is not None


async def test_certificate_path_is_relative_to_the_configuration_file(tls_server: TlsServer, tmp_path: Path) -> None:
    (tmp_path / "root.crt").write_bytes(tls_server.certificate.read_bytes())
    login = tls_server.login()
    checked = configured(
        tmp_path, address(login, password=PASSWORD), 'sslmode = "verify-full"', 'sslrootcert = "root.crt"'
    )
    assert await encryption_after_reading(checked) == ENCRYPTED


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (['sslmode = "disable"'], SignInRefused),
        (['sslmode = "verify-full"', 'sslrootcert = "missing.crt"'], Unreachable),
    ],
)
async def test_connection_that_does_not_meet_the_ssl_settings_is_refused(
    tls_server: TlsServer, tmp_path: Path, lines: list[str], kind: type[StoreError]
) -> None:
    with pytest.raises(kind):
        await encryption_of(configured(tmp_path, address(tls_server.login(), password=PASSWORD), *lines))


async def encryption_after_reading(settings: Settings) -> Transport | None:
    """Connect to a server without the app's tables and return the encryption of the connection."""
    async with open_session(settings, print) as session:
        with pytest.raises(StoreError, match="There is no table"):
            await session.operator.get_users()
        return session.operator.database.connections.transport
