"""Write the tables of the manual from the stored findings: `python -m tests.benchmarks.tables`."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gjobs.tui.manual.pages import page_path
from tests.benchmarks.report import number

RESULTS = Path(__file__).with_name("results.json")
"""The stored findings of several runs. Each benchmark is in one of them."""

PAGE = page_path("benchmarks")

BEGIN, END = "<!-- benchmarks -->", "<!-- end of benchmarks -->"

DRAWN = "growth"
"""The benchmark whose findings are shown as a picture."""

Document = Mapping[str, Any]


def tables(runs: Sequence[Document]) -> str:
    """Return the tables with the hardware and the settings of the runs."""
    return "\n\n".join(map(_table, runs))


def _table(run: Document) -> str:
    findings = [_finding(finding) for finding in run["findings"] if finding["benchmark"] != DRAWN]
    return "\n\n".join([_surroundings(run["surroundings"]), *findings])


def _surroundings(surroundings: Mapping[str, Any]) -> str:
    versions = surroundings["versions"]
    return (
        f"Measured {surroundings['taken_at'][:10]} on {surroundings['cores']} cores of an {surroundings['machine']}"
        f" with {surroundings['memory_gib']:g} GiB; Python {versions['python']}, PostgreSQL {versions['postgres']}"
        f" with its own defaults, Textual {versions['textual']}. The numbers are medians."
    )


def _finding(finding: Mapping[str, Any]) -> str:
    title, unit, series, ratios = (finding[name] for name in ("title", "unit", "series", "ratios"))
    settings = "; ".join(f"{name}: {_words(value)}" for name, value in finding["settings"].items())
    compared = {name for ratio in ratios for name in (ratio["ours"], ratio["rival"])}
    measured = {
        name: f"{number(values['median'])} {unit}{_verdict(values)}"
        for name, values in series.items()
        if "reach" in values or name not in compared
    }
    against = [[*(_cell(series, ratio[name], unit) for name in ("ours", "rival")), _ratio(ratio)] for ratio in ratios]
    return "\n\n".join(
        [
            f"**{title[:1].upper()}{title[1:]}** ({settings})",
            *([_lines(("measured", "value (limit)"), measured.items())] if measured else ()),
            *([_lines(("measured", "compared with", "ratio (limit)"), against)] if against else ()),
        ]
    )


def _cell(series: Mapping[str, Any], name: str, unit: str) -> str:
    return f"{name}: {number(series[name]['median'])} {unit}"


def _ratio(ratio: Mapping[str, Any]) -> str:
    return f"{number(ratio['median'])} ×{_verdict(ratio)}"


def _lines(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (titles, ["---"] * len(titles), *rows))


def _words(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _verdict(judged: Mapping[str, Any]) -> str:
    if "reach" not in judged:
        return ""
    return f" ({judged['reach']})" if judged["reached"] else f" (**not kept**: {judged['reach']})"


def with_tables(page: str, runs: Sequence[Document]) -> str:
    return re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n{tables(runs)}\n{END}", page, count=1, flags=re.DOTALL)


def main() -> None:
    runs = json.loads(RESULTS.read_text(encoding="utf-8"))
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), runs), encoding="utf-8")


if __name__ == "__main__":
    main()
