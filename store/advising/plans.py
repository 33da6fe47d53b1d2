"""What a plan says, as EXPLAIN (FORMAT JSON) tells it. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Of a statement with a LIMIT or without."""

    cost: float
    """Until the limit is reached, if the planner is right about how soon that is."""
    cost_to_end: float
    """Where the limit is never reached."""
    rows: int
    """That the statement is taken to return."""
    reads_all: bool
    """Whether it scans a table in sequence, or sorts, so that all is read before the first row is there."""


def read_plan(explained: object) -> Plan:
    """Raises ValueError where it is no plan: a proxy may answer in Postgres' place."""
    match explained:
        case [{"Plan": {"Total Cost": float() | int(), "Plan Rows": float() | int()} as top}]:
            return _read(top)
    raise ValueError("This is not what EXPLAIN (FORMAT JSON) tells.")


def _read(top: Node) -> Plan:
    nodes = tuple(_nodes(top))
    # Above the limit there is nothing but what shapes its rows.
    limit = next((node for node in nodes if node.get("Node Type") == "Limit"), None)
    to_end = max(float(part["Total Cost"]) for part in _parts(limit)) if limit and _parts(limit) else top["Total Cost"]
    return Plan(
        cost=float(top["Total Cost"]),
        cost_to_end=max(float(to_end), float(top["Total Cost"])),
        rows=round(top["Plan Rows"]),
        reads_all=any(node.get("Node Type") in ("Seq Scan", "Sort") for node in nodes),
    )


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for part in _parts(node):
        yield from _nodes(part)


def _parts(node: Node) -> list[Node]:
    parts: list[Node] = node.get("Plans", [])
    return parts
