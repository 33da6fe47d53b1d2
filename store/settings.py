"""Which database is opened, and with whose eyes: options first, then the environment, then the embedded default."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from store.write_access import WriteRule

OPERATOR_NAME = "operator"
EMBEDDED_USER = "ada@example.com"
"""Whose eyes the embedded database is seen with: the web page has someone signed in, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedTarget:
    """The database of our own server, which is started, migrated and filled as needed."""

    data_dir: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlTarget:
    """Somebody's database: never migrated or filled unasked."""

    url: str = field(repr=False)
    origin: str
    """The option or variable that named it."""


Target = EmbeddedTarget | UrlTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    target: Target
    data_dir: Path
    """All that the program keeps: the embedded cluster and its own state."""
    act_as: str
    """A user's e-mail or id, or `operator`: the role as connected."""
    act_as_given: bool
    """Whether it stood on the command line."""
    write_rule: WriteRule


def resolve(
    *,
    database_url: str | None,
    act_as: str | None,
    read_only: bool,
    data_dir: Path,
    environment: Mapping[str, str],
) -> Settings:
    """An empty variable counts as unset."""
    target = _target(database_url, data_dir, environment)
    default = EMBEDDED_USER if isinstance(target, EmbeddedTarget) else OPERATOR_NAME
    return Settings(
        target=target,
        data_dir=data_dir,
        act_as=act_as or environment.get("GJOBS_AS") or default,
        act_as_given=bool(act_as),
        write_rule=WriteRule.CLOSED if read_only else WriteRule.OPEN,
    )


def _target(database_url: str | None, data_dir: Path, environment: Mapping[str, str]) -> Target:
    if database_url:
        return UrlTarget(url=database_url, origin="--database-url")
    if url := environment.get("GJOBS_DATABASE_URL"):
        return UrlTarget(url=url, origin="GJOBS_DATABASE_URL")
    return EmbeddedTarget(data_dir=data_dir)
