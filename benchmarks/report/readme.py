"""The table that the README shows, written between its two marks from the committed results."""

from __future__ import annotations

from pathlib import Path

from benchmarks.report import plain, quality
from benchmarks.report.parts import Table
from benchmarks.results_file import Results, ResultsError

START, END = "<!-- measured: python -m benchmarks.report --readme -->", "<!-- end -->"


def block(results: Results) -> str:
    """Return what stands between the marks: the pairs that all methods and networks were measured on.

    Raises:
        ResultsError: The run judged no pictures.
    """
    rows = quality.rated([row for row in results.rows if row.case["device"] == "cpu"])
    if not rows:
        raise ResultsError(f"{results.name} has no rows of quality for the README. Run the full profile.")
    pairs = quality.sets_of_pairs(rows)[-1]
    machine = results.machine
    lines = plain.table(Table(names=2, head=quality.HEAD, rows=quality.means(results, rows, pairs)))
    return "\n".join(
        [
            f"Means over {quality.counted(pairs)}, {rows[0].case['size']} px, on {machine['threads']} thread(s) "
            f"of {machine['processor_name']}, judged by {results.judge.text}:",
            "",
            *lines,
        ]
    )


def put(results: Results, path: Path) -> str:
    """Return the page's text with the block between its marks.

    Raises:
        ResultsError: The page has no marks.
    """
    text = path.read_text(encoding="utf-8")
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ResultsError(f"{path} has no marks for the table: {START} and below it {END}.")
    return f"{before}{START}\n{block(results)}{END}{after}"
