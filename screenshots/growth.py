"""Draws the time and the traffic of queries with ten thousand to ten million jobs, from the benchmark results. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

WIDTH, DRAWN_HEIGHT = 860, 270

"""The width of the chart, and the height of the area with the lines, in pixels."""

LEFT, RIGHT, BOTTOM = 105, 40, 70

"""Around the lines, in pixels."""

LEGEND, LEGEND_LINE = 48, 28

"""The heights of an empty legend and of each of its lines."""

UNITS = ("ms", "bytes")

"""Each has an axis of its own, from top to bottom."""

COLORS = ("#0b6e4f", "#1f5fbf", "#8a4fbf", "#c2410c")

MARKS = ("", "6 4", "2 3", "10 3 2 3")

"""Lines differ without their colours, too."""

Document = Mapping[str, Any]

"""As `tests.benchmarks --json` writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    title: str
    unit: str
    points: tuple[tuple[float, float], ...]
    """Pairs of a number of jobs and a value in the unit, in ascending order."""


def lines_of(document: Document) -> list[Line]:
    return [
        Line(
            title=finding["title"],
            unit=finding["unit"],
            points=tuple(sorted((_jobs(name), series["median"]) for name, series in finding["series"].items())),
        )
        for finding in document["findings"]
        if finding["benchmark"] == "growth"
    ]


def chart(document: Document) -> str:
    """An SVG chart with logarithmic axes: a constant value is level, and a value that grows with the jobs rises."""
    lines, parts, height = lines_of(document), list[str](), 0
    for unit in UNITS:
        if of_unit := [line for line in lines if line.unit == unit]:
            scale = _scale(of_unit, start=height)
            parts += _grid(scale)
            parts += [part for number, line in enumerate(of_unit) for part in _drawn(line, number, scale)]
            height = scale.bottom + BOTTOM
    start = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
        ' font-family="system-ui, sans-serif" font-size="14" fill="#24292f">'
    )
    background = f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff"/>'
    return "\n".join([start, background, *parts, "</svg>"]) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """From values to pixels; each axis goes from the first of its decades to the last."""

    jobs: Sequence[int]
    values: Sequence[int]
    unit: str
    start: int
    """Where the legend starts."""
    top: int

    @property
    def bottom(self) -> int:
        return self.top + DRAWN_HEIGHT

    def x(self, jobs: float) -> float:
        return LEFT + self._share(jobs, self.jobs) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return self.bottom - self._share(value, self.values) * DRAWN_HEIGHT

    @staticmethod
    def _share(value: float, decades: Sequence[int]) -> float:
        return (math.log10(value) - decades[0]) / (decades[-1] - decades[0])


def _scale(lines: Sequence[Line], *, start: int) -> _Scale:
    return _Scale(
        jobs=_decades([x for line in lines for x, _ in line.points]),
        values=_decades([y for line in lines for _, y in line.points]),
        unit=lines[0].unit,
        start=start,
        top=start + LEGEND + LEGEND_LINE * len(lines),
    )


def _decades(values: Sequence[float]) -> range:
    """The exponents of ten around the values."""
    first = math.floor(math.log10(min(values)))
    return range(first, max(math.ceil(math.log10(max(values))), first + 1) + 1)


def _grid(scale: _Scale) -> list[str]:
    left, right, top, bottom = LEFT, WIDTH - RIGHT, scale.top, scale.bottom
    parts = []
    for exponent in scale.jobs:
        x = scale.x(10**exponent)
        parts += [
            f'<path d="M{x:.1f} {top}V{bottom}" stroke="#d0d7de"/>',
            f'<text x="{x:.1f}" y="{bottom + 22}" text-anchor="middle">{10**exponent:,}</text>',
        ]
    for exponent in scale.values:
        y = scale.y(10**exponent)
        parts += [
            f'<path d="M{left} {y:.1f}H{right}" stroke="#d0d7de"/>',
            f'<text x="{left - 10}" y="{y + 5:.1f}" text-anchor="end">{_tick(10.0**exponent, scale.unit)}</text>',
        ]
    parts.append(f'<text x="{(left + right) / 2:.1f}" y="{bottom + 50}" text-anchor="middle">jobs in the table</text>')
    return parts


def _drawn(line: Line, number: int, scale: _Scale) -> list[str]:
    color, mark = COLORS[number % len(COLORS)], MARKS[number % len(MARKS)]
    points = [(scale.x(jobs), scale.y(value)) for jobs, value in line.points]
    legend = scale.start + 30 + LEGEND_LINE * number
    stroke = f'fill="none" stroke="{color}" stroke-width="2.5" stroke-dasharray="{mark}"'
    few, many = (_amount(value, line.unit) for _, value in (line.points[0], line.points[-1]))
    return [
        f'<path d="M{LEFT} {legend}h44" {stroke}/>',
        f'<text x="{LEFT + 56}" y="{legend + 5}">{escape(line.title)}: {few} to {many}</text>',
        f'<path d="M{" L".join(f"{x:.1f} {y:.1f}" for x, y in points)}" {stroke}/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"/>' for x, y in points),
    ]


def _jobs(name: str) -> int:
    """From the name of a series: `10,000 jobs`."""
    return int(name.removesuffix(" jobs").replace(",", ""))


def _tick(value: float, unit: str) -> str:
    return f"{value:,g} {unit}" if unit == "ms" else f"{value:,.0f} B"


def _amount(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.2g} {unit}"
