"""The findings as a table and as a JSON document."""

from collections.abc import Mapping
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from tests.benchmarks.environment import Surroundings
from tests.benchmarks.harness import Finding, Ratio, Reach, Series

Findings = Mapping[str, list[Finding]]
"""The findings by the name of the benchmark."""

WIDTH = 150


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
    return ", ".join(f"{key}: {part}" for key, part in value.items()) if isinstance(value, Mapping) else str(value)


def _table(finding: Finding) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("measured", f"median {finding.unit}", "quartiles", "ratio", "quartiles", "limit", "kept"):
        table.add_column(heading, justify="left" if heading == "measured" else "right")
    for name, series in finding.series.items():
        judged = [_cells(finding, ratio) for ratio in finding.ratios if ratio.ours == name]
        if name in finding.limits:
            judged.insert(0, ("", "", *_verdict(finding.limits[name], finding.within_limit(name))))
        first, *others = judged or [("", "", "", "")]
        table.add_row(name, number(series.median), _range(series), *first)
        for cells in others:
            table.add_row("", "", "", *cells)
    return table


def _cells(finding: Finding, ratio: Ratio) -> tuple[str, str, str, str]:
    of_rounds = ratio.of(finding.series)
    verdict = _verdict(ratio.reach, ratio.reached(finding.series))
    return f"{number(of_rounds.median)} × {ratio.rival}", _range(of_rounds), *verdict


def _verdict(reach: Reach | None, reached: bool | None) -> tuple[str, str]:
    return ("" if reach is None else str(reach), {True: "yes", False: "NOT KEPT", None: ""}[reached])


def _range(series: Series) -> str:
    lower, upper = series.quartiles
    return f"{number(lower)} – {number(upper)}"


def number(value: float) -> str:
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
                "series": {
                    name: {
                        **_document(series),
                        **_judged(finding.limits.get(name), finding.within_limit(name)),
                    }
                    for name, series in finding.series.items()
                },
                "ratios": [
                    {
                        "ours": ratio.ours,
                        "rival": ratio.rival,
                        **_document(ratio.of(finding.series)),
                        **_judged(ratio.reach, ratio.reached(finding.series)),
                    }
                    for ratio in finding.ratios
                ],
            }
            for benchmark, of_benchmark in findings.items()
            for finding in of_benchmark
        ],
    }


def _document(series: Series) -> dict[str, object]:
    lower, upper = series.quartiles
    return {"median": series.median, "quartiles": [lower, upper], "values": list(series.values)}


def _judged(reach: Reach | None, reached: bool | None) -> dict[str, object]:
    """Return the target and the result, or nothing without a target."""
    return {} if reach is None else {"reach": str(reach), "reached": reached}
