"""The findings as a table for people and as a document for machines."""

from collections.abc import Mapping
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from tests.benchmarks.harness import Finding, Ratio, Series
from tests.benchmarks.surroundings import Surroundings

Findings = Mapping[str, list[Finding]]
"""By the benchmark's name."""

WIDTH = 120


def print_table(findings: Findings, surroundings: Surroundings) -> None:
    console = Console(width=WIDTH, highlight=False)
    for name, value in asdict(surroundings).items():
        console.print(f"{name.replace('_', ' ')}: {_words(value)}", markup=False)
    for benchmark, of_benchmark in findings.items():
        for finding in of_benchmark:
            console.print()
            console.print(f"{benchmark}: {finding.title} ({_words(finding.settings)})", markup=False)
            console.print(_table(finding))


def _words(value: object) -> str:
    return ", ".join(f"{key} {part}" for key, part in value.items()) if isinstance(value, Mapping) else str(value)


def _table(finding: Finding) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("contestant", f"median {finding.unit}", "quartiles", "ratio", "quartiles", "reach"):
        table.add_column(heading, justify="left" if heading == "contestant" else "right")
    for name, series in finding.series.items():
        ratios = [ratio for ratio in finding.ratios if ratio.ours == name]
        table.add_row(name, _number(series.median), _range(series), *_cells(finding, ratios[:1]))
        for ratio in ratios[1:]:
            table.add_row("", "", "", *_cells(finding, [ratio]))
    return table


def _cells(finding: Finding, ratios: list[Ratio]) -> list[str]:
    return [
        cell
        for ratio in ratios
        for cell in (
            f"{ratio.of(finding.series).median:.2f} × {ratio.rival}",
            _range(ratio.of(finding.series)),
            "" if ratio.reach is None else f"≤ {ratio.reach:g}",
        )
    ]


def _range(series: Series) -> str:
    lower, upper = series.quartiles
    return f"{_number(lower)} – {_number(upper)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def document(findings: Findings, surroundings: Surroundings) -> dict[str, object]:
    return {
        "surroundings": asdict(surroundings),
        "findings": [
            {
                "benchmark": benchmark,
                "title": finding.title,
                "unit": finding.unit,
                "settings": dict(finding.settings),
                "series": {name: _document(series) for name, series in finding.series.items()},
                "ratios": [{**asdict(ratio), **_document(ratio.of(finding.series))} for ratio in finding.ratios],
            }
            for benchmark, of_benchmark in findings.items()
            for finding in of_benchmark
        ],
    }


def _document(series: Series) -> dict[str, object]:
    lower, upper = series.quartiles
    return {"median": series.median, "quartiles": [lower, upper], "values": list(series.values)}
