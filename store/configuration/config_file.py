"""Finds and loads the configuration file."""

import os
import shlex
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gjobs.store.configuration.configuration import NO_CONFIGURATION, Configuration, Profile, holds_password
from gjobs.store.errors import BadConfiguration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gjobs.store.configuration.toml_table import ConfigurationProblem

VARIABLE = "GJOBS_CONFIG"

_LARGEST = 1_000_000
"""Bytes."""
_WITHOUT_A_HOME = Path("/gjobs/config.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationFile:
    path: Path
    named_by: str | None
    """The option or variable that names the file. None for the default location, where the file is optional."""


def configuration_file(option: Path | None, environment: Mapping[str, str]) -> ConfigurationFile:
    """Return the configuration file to use. An empty variable counts as unset."""
    if option is not None:
        return ConfigurationFile(path=_absolute(option), named_by="--config")
    if named := environment.get(VARIABLE):
        return ConfigurationFile(path=_absolute(Path(named)), named_by=VARIABLE)
    import platformdirs

    try:
        return ConfigurationFile(path=platformdirs.user_config_path("gjobs") / "config.toml", named_by=None)
    except RuntimeError:
        return ConfigurationFile(path=_WITHOUT_A_HOME, named_by=None)


def _absolute(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        return path.absolute()


def load(file: ConfigurationFile) -> Configuration:
    """Load the configuration. Raises BadConfiguration if the file is unusable, or if a named file is missing."""
    path = file.path
    try:
        with path.open("rb") as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            content = opened.read(_LARGEST + 1)
    except FileNotFoundError:
        if file.named_by is None:
            return NO_CONFIGURATION
        raise _unreadable(path, f"does not exist, but {file.named_by} names it") from None
    except (OSError, ValueError) as error:
        if file.named_by is None and isinstance(error, NotADirectoryError):
            return NO_CONFIGURATION
        reason = error.strerror if isinstance(error, OSError) else None
        raise _unreadable(path, f"cannot be read: {reason or 'it is not a path'}") from None
    if len(content) > _LARGEST:
        raise _unreadable(path, "is too large to be a configuration")
    try:
        text = content.decode("utf-8-sig")  # Some editors start a file with a byte order mark.
    except UnicodeDecodeError:
        raise _unreadable(path, "is not UTF-8") from None
    from gjobs.store.configuration.config_reader import read_text

    configuration = read_text(text, path=path)
    warning = exposure(path, mode, configuration.profiles.values())
    return replace(configuration, warning=warning, is_chosen=file.named_by == "--config")


def refusal_of(configuration: Configuration, problems: "Sequence[ConfigurationProblem]") -> BadConfiguration:
    """Return the error for further problems of a configuration that was read before."""
    from gjobs.store.configuration.toml_table import refusal

    path = configuration.path or _WITHOUT_A_HOME
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        text = ""  # Deleted since; the problems have no line numbers.
    return refusal(problems, path=path, text=text)


def exposure(path: Path, mode: int, profiles: Iterable[Profile]) -> str | None:
    """Return a warning if the file holds a password and others may read it."""
    exposed = [profile.name for profile in profiles if profile.address and holds_password(profile.address)]
    if not exposed or not mode & 0o077:
        return None
    return f"{path} holds a password, and other users can read it. Run chmod 600 {shlex.quote(str(path))}"


def _unreadable(path: Path, clause: str) -> BadConfiguration:
    from gjobs.store.configuration.toml_table import ConfigurationProblem, refusal

    return refusal([ConfigurationProblem(location=(), clause=clause)], path=path)
