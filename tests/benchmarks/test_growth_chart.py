"""The chart of growth shows times and traffic."""

import re

from screenshots.growth import chart


def test_chart_draws_bytes_below_milliseconds_with_an_axis_of_their_own() -> None:
    findings = [
        {
            "benchmark": "growth",
            "title": title,
            "unit": unit,
            "series": {"10,000 jobs": {"median": few}, "1,000,000 jobs": {"median": many}},
        }
        for title, unit, few, many in (("a <list>", "ms", 1.25, 250.0), ("its refresh", "bytes", 700.0, 9000.0))
    ]
    drawn = chart({"findings": findings})
    texts = re.findall(r'<text x="[\d.]+" y="([\d.]+)"[^>]*>([^<]*)</text>', drawn)
    assert [text for _, text in texts] == [
        *("10,000", "100,000", "1,000,000", "1 ms", "10 ms", "100 ms", "1,000 ms", "jobs in the table"),
        "a &lt;list&gt;: 1.2 ms to 250 ms",
        *("10,000", "100,000", "1,000,000", "100 B", "1,000 B", "10,000 B", "jobs in the table"),
        "its refresh: 700 bytes to 9,000 bytes",
    ]
    heights = {text: float(y) for y, text in texts}
    assert heights["1 ms"] < heights["its refresh: 700 bytes to 9,000 bytes"] < heights["10,000 B"]
    only_times = chart({"findings": findings[:1]})
    assert " B</text>" not in only_times
