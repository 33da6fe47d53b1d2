"""Draws the time of queries with ten thousand to ten million jobs, from the benchmark results. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

WIDTH, HEIGHT = 860, 500

LEFT, RIGHT, TOP, BOTTOM = 90, 40, 160, 70

"""Around the lines, in pixels."""

COLORS = ("#0b6e4f", "#1f5fbf", "#8a4fbf", "#c2410c")

MARKS = ("", "6 4", "2 3", "10 3 2 3")

"""Lines differ without their colours, too."""

Document = Mapping[str, Any]

"""As `tests.benchmarks --json` writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    title: str
    points: tuple[tuple[float, float], ...]
    """Pairs of a number of jobs and milliseconds, in ascending order."""


def lines_of(document: Document) -> list[Line]:
    return [
        Line(
            title=finding["title"],
            points=tuple(sorted((_jobs(name), series["median"]) for name, series in finding["series"].items())),
        )
        for finding in document["findings"]
        if finding["benchmark"] == "growth"
    ]


def chart(document: Document) -> str:
    """An SVG chart with two logarithmic axes: a constant time is level, and a time that grows with the jobs rises."""
    lines = lines_of(document)
    jobs = _decades([x for line in lines for x, _ in line.points])
    times = _decades([y for line in lines for _, y in line.points])
    scale = _Scale(jobs=jobs, times=times)
    start = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="system-ui, sans-serif" font-size="14" fill="#24292f">'
    )
    parts = [
        start,
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#ffffff"/>',
        *_grid(scale),
        *(part for number, line in enumerate(lines) for part in _drawn(line, number, scale)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """From values to pixels; each axis goes from the first of its decades to the last."""

    jobs: Sequence[int]
    times: Sequence[int]

    def x(self, jobs: float) -> float:
        return LEFT + self._share(jobs, self.jobs) * (WIDTH - LEFT - RIGHT)

    def y(self, milliseconds: float) -> float:
        return HEIGHT - BOTTOM - self._share(milliseconds, self.times) * (HEIGHT - TOP - BOTTOM)

    @staticmethod
    def _share(value: float, decades: Sequence[int]) -> float:
        return (math.log10(value) - decades[0]) / (decades[-1] - decades[0])


def _decades(values: Sequence[float]) -> range:
    """The exponents of ten around the values."""
    first = math.floor(math.log10(min(values)))
    return range(first, max(math.ceil(math.log10(max(values))), first + 1) + 1)


def _grid(scale: _Scale) -> list[str]:
    left, right, top, bottom = LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM
    parts = []
    for exponent in scale.jobs:
        x = scale.x(10**exponent)
        parts += [
            f'<path d="M{x:.1f} {top}V{bottom}" stroke="#d0d7de"/>',
            f'<text x="{x:.1f}" y="{bottom + 22}" text-anchor="middle">{10**exponent:,}</text>',
        ]
    for exponent in scale.times:
        y = scale.y(10**exponent)
        parts += [
            f'<path d="M{left} {y:.1f}H{right}" stroke="#d0d7de"/>',
            f'<text x="{left - 10}" y="{y + 5:.1f}" text-anchor="end">{10.0**exponent:,g} ms</text>',
        ]
    parts.append(f'<text x="{(left + right) / 2:.1f}" y="{bottom + 50}" text-anchor="middle">jobs in the table</text>')
    return parts


def _drawn(line: Line, number: int, scale: _Scale) -> list[str]:
    color, mark = COLORS[number % len(COLORS)], MARKS[number % len(MARKS)]
    points = [(scale.x(jobs), scale.y(milliseconds)) for jobs, milliseconds in line.points]
    legend = 30 + 28 * number
    stroke = f'fill="none" stroke="{color}" stroke-width="2.5" stroke-dasharray="{mark}"'
    few, many = (_amount(milliseconds) for _, milliseconds in (line.points[0], line.points[-1]))
    return [
        f'<path d="M{LEFT} {legend}h44" {stroke}/>',
        f'<text x="{LEFT + 56}" y="{legend + 5}">{escape(line.title)}: {few} to {many}</text>',
        f'<path d="M{" L".join(f"{x:.1f} {y:.1f}" for x, y in points)}" {stroke}/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"/>' for x, y in points),
    ]


def _jobs(name: str) -> int:
    """From the name of a series: `10,000 jobs`."""
    return int(name.removesuffix(" jobs").replace(",", ""))


def _amount(milliseconds: float) -> str:
    return f"{milliseconds:,.0f} ms" if milliseconds >= 100 else f"{milliseconds:.2g} ms"
