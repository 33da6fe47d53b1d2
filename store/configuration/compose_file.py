"""Finds the Postgres services of Docker Compose files. Reads the text only."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from gjobs.store.configuration.app_folder import LARGEST_VALUE, PORTS, MissingVariable, Unusable, unnamed_profile
from gjobs.store.configuration.settings import Profile

_IMAGE = re.compile(r"postgres|postgresql(-repmgr)?|postgis|pgvector|timescaledb(-ha)?|citus|paradedb")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PORT = re.compile(r"(?:(\[[0-9A-Fa-f:]+\]|\d+(?:\.\d+){3}):)?(?:(\d*)(?:-(\d+))?:)?(\d+)(?:-(\d+))?(?:/tcp)?")
_POSTGRES_PORT = "5432"
_ANY_HOST = ("", "0.0.0.0", "::")  # noqa: S104
_VARIABLE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)(?:(:?[-?+])((?:[^{}$]|\$\{[^{}]*\}|\$)*))?\})")
_NULL = "tag:yaml.org,2002:null"
_RESET = "!reset"
"""The tag of a value that an override file removes."""
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C, where PyYAML has it, is ten times faster."""
_LONGEST_NAME = 60
_MOST_NESTED_DEFAULTS = 5
_MOST_DEEP = 30
"""The most levels of nested YAML. Compose files have about six, and reading them is recursive."""

_USER = ("POSTGRES_USER", "POSTGRESQL_USERNAME", "POSTGRESQL_USER")
_PASSWORD = ("POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD")
_DATABASE = ("POSTGRES_DB", "POSTGRESQL_DATABASE")

ReadEnv = Callable[[str], Mapping[str, str]]
"""Reads a file that `env_file` names, and returns its values. Raises Unusable."""


@dataclass(slots=True)
class _Service:
    """A service as the files declare it, the override file last."""

    image: str = ""
    ports: list[yaml.Node] = field(default_factory=list)
    environment: dict[str, str | None] = field(default_factory=dict, repr=False)
    env_files: list[str] = field(default_factory=list)


def postgres_services(
    files: Sequence[yaml.Node | None], values: Mapping[str, str], read_env: ReadEnv
) -> Iterator[tuple[str, Profile | str]]:
    """Yield the Postgres services of a file and its override file. `values` replace variables.

    A service without a usable address has a clause that follows its name.
    """
    services: dict[str, _Service] = {}
    for file in files:
        for name, node in _entries(_value(file, "services")):
            if node.tag == _RESET:
                services.pop(name, None)
            elif isinstance(node, yaml.MappingNode):
                _add(services.setdefault(name, _Service()), node)
    for name, service in services.items():
        if _IMAGE.fullmatch(re.split(r"[:@]", service.image.rpartition("/")[2])[0].lower()):
            if _NAME.fullmatch(name):
                yield name, _postgres(service, values, read_env)
            else:
                yield name[:_LONGEST_NAME], "has a name that cannot be used"


def service_names(files: Sequence[yaml.Node | None]) -> set[str]:
    """Return the names of all services, which are hosts inside Docker's network."""
    return {name for file in files for name, _ in _entries(_value(file, "services"))}


def parse_compose(text: str) -> yaml.Node | None:
    """Return the nodes of the first document. Raises Unusable.

    Nodes are never turned into objects: merges and aliases could then grow without limit, and "54:32" is a number.
    """
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _MOST_DEEP:
                raise Unusable("is nested too deep")
        file = next(iter(yaml.compose_all(text, Loader=_LOADER)), None)
    except (yaml.YAMLError, RecursionError, ValueError):
        # The error of the parser may repeat values.
        raise Unusable("is not YAML") from None
    if file is None or file.tag == _NULL:
        return None
    if not isinstance(file, yaml.MappingNode):
        raise Unusable("is not a Compose file")
    services = _value(file, "services")
    if services is not None and not isinstance(services, yaml.MappingNode) and services.tag not in (_NULL, _RESET):
        raise Unusable("has services that cannot be read")
    return file


def _entries(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
    """Yield the entries of a mapping, with those that it merges. The first entry of a name counts."""
    waiting, seen, names = [node], set[int](), set[str]()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, yaml.SequenceNode):
            waiting += reversed(one.value)
        if not isinstance(one, yaml.MappingNode):
            continue
        merged = []
        for key, value in one.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value == "<<":
                merged.append(value)
            elif key.value not in names:
                names.add(key.value)
                yield key.value, value
        waiting += reversed(merged)


def _value(node: yaml.Node | None, name: str) -> yaml.Node | None:
    return dict(_entries(node)).get(name) if isinstance(node, yaml.MappingNode) else None


def _replaces(node: yaml.Node | None) -> bool:
    """Return whether the value of an override file replaces that of the first file, instead of extending it."""
    return node is not None and node.tag in ("!override", _RESET)


def _items(node: yaml.Node | None) -> list[yaml.Node]:
    if node is not None and node.tag == _RESET:
        return []
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    return [] if node is None else [node]


def _text(node: yaml.Node | None) -> str | None:
    """Return the text of a scalar. Return None if the node is null or no scalar."""
    if not isinstance(node, yaml.ScalarNode) or node.tag == _NULL:
        return None
    return str(node.value)


def _add(service: _Service, node: yaml.MappingNode) -> None:
    values = dict(_entries(node))
    service.image = _text(values.get("image")) or service.image
    if _replaces(values.get("ports")):
        service.ports = []
    if _replaces(values.get("env_file")):
        service.env_files = []
    if _replaces(values.get("environment")):
        service.environment = {}
    service.ports += _items(values.get("ports"))
    service.env_files += [_text(_value(one, "path") or one) or "" for one in _items(values.get("env_file"))]
    environment = values.get("environment")
    if environment is not None and environment.tag == _RESET:
        return
    if isinstance(environment, yaml.MappingNode):
        service.environment |= {name: _text(value) for name, value in _entries(environment)}
    else:
        for item in _items(environment):
            name, has_value, value = (_text(item) or "").partition("=")
            service.environment[name] = value if has_value else None


def _postgres(service: _Service, values: Mapping[str, str], read_env: ReadEnv) -> Profile | str:
    try:
        published = [port for node in service.ports if (port := _published(node, values))]
        wanted = [port for port in published if port[2] == _POSTGRES_PORT] or published[:1]
        if not wanted or not int(wanted[0][1]):
            return "publishes no fixed port"
        if int(wanted[0][1]) not in PORTS:
            return f"publishes a port above {PORTS[-1]}"
        profile = _profile(*wanted[0][:2], service, values, read_env)
    except MissingVariable as error:
        return f"uses ${error}, which no file defines"
    except Unusable as error:
        return f"uses a file that {error}"
    login = "".join(profile.parameters.get(name, "") for name in ("user", "password", "dbname"))
    return profile if login.isprintable() else "has control characters in its user, password or database"


def _profile(host: str, port: str, service: _Service, values: Mapping[str, str], read_env: ReadEnv) -> Profile:
    given: dict[str, str] = {}
    for file in service.env_files:
        given |= read_env(_expand(file, values))

    def chosen(names: Sequence[str]) -> str:
        for name in names:
            if name in service.environment:
                text = service.environment[name]
                # A name without a value is taken from the environment of Compose.
                return values.get(name, "") if text is None else _expand(text, values)
            if name in given:
                return given[name]
        return ""

    user = chosen(_USER) or "postgres"
    return unnamed_profile(
        {
            "host": "127.0.0.1" if host in _ANY_HOST else host,
            "port": port,
            "user": user,
            "password": chosen(_PASSWORD),
            "dbname": chosen(_DATABASE) or user,
        }
    )


def _published(node: yaml.Node, values: Mapping[str, str]) -> tuple[str, str, str] | None:
    """Return the address on this machine, the port on it, and the port of the container."""
    if isinstance(node, yaml.MappingNode):
        entries = dict(_entries(node))
        host, port, target = (
            _expand(_text(entries.get(name)) or "", values) for name in ("host_ip", "published", "target")
        )
        is_fixed = port.isdecimal() and target.isdecimal()
        return (
            (host.strip("[]"), port, target) if is_fixed and _text(entries.get("protocol")) in (None, "tcp") else None
        )
    found = _PORT.fullmatch(_expand(_text(node) or "", values))
    if found is None or not found[2]:
        return None
    host, first, last, target, last_target = found.groups()
    before = int(_POSTGRES_PORT) - int(target)
    is_range, is_inside = last_target is not None, 0 <= before <= int(last_target or target) - int(target)
    if is_range != (last is not None) or (is_range and int(last) - int(first) != int(last_target) - int(target)):
        return None  # Docker chooses a port of the range.
    if is_range and is_inside:
        first, target = str(int(first) + before), _POSTGRES_PORT
    return (host or "").strip("[]"), first, target


def _expand(text: str, values: Mapping[str, str], depth: int = 0) -> str:
    """Replace variables as Compose does, but never from the environment. Raises MissingVariable."""
    if len(text) > LARGEST_VALUE or depth > _MOST_NESTED_DEFAULTS:
        raise Unusable("has too long a value")

    def value(match: re.Match[str]) -> str:
        escaped, bare, name, operator, other = match.groups()
        if escaped:
            return "$"
        found = values.get(bare or name)
        is_set = bool(found) if (operator or "").startswith(":") else found is not None
        match (operator or "?")[-1]:
            case "+":
                return _expand(other, values, depth + 1) if is_set else ""
            case "-" if not is_set:
                return _expand(other, values, depth + 1)
            case _ if not is_set or found is None:
                raise MissingVariable(bare or name)
            case _:
                return found

    return _VARIABLE.sub(value, text)
