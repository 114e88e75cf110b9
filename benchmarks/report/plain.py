"""The report as Markdown, and its rows as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from benchmarks.report import words
from benchmarks.report.parts import Section, Table
from benchmarks.results_file import Results

_COLUMNS = (
    "file", "row", "what", "subject", "variant", "network", "weights", "size", "device", "precision", "threads",
    "seconds_median", "seconds_q1", "seconds_q3", "rounds", "reference", "same_work", "ratio_median", "ratio_low",
    "ratio_high", "floor_share", "peak_bytes", "added_bytes", "style_ratio", "content_loss", "total_variation",
)  # fmt: skip


def markdown(title: str, sections: Sequence[Section]) -> str:
    """Return the page's text and tables; charts are on the HTML page only."""
    lines = [f"# {title}", ""]
    for section in sections:
        lines += [f"{'##' if section.part else '###'} {section.title}", ""]
        for text in (*section.warnings, *section.text):
            lines += [text, ""]
        lines += [f"- {text}" for text in section.bullets]
        lines += [""] if section.bullets else []
        for table in section.tables:
            lines += _table(table)
    return "\n".join(lines).rstrip() + "\n"


def _table(table: Table) -> list[str]:
    if not table.rows:
        return []
    marks = ["---"] * table.names + ["---:"] * (len(table.head) - table.names)
    head = [list(table.head), marks]
    rows = [*head, *[[cell.replace("|", "\\|") for cell in row] for row in table.rows]]
    caption = [f"{table.caption}:", ""] if table.caption else []
    return [*caption, *(f"| {' | '.join(row)} |" for row in rows), ""]


def comma_separated(runs: Sequence[Results]) -> str:
    """Return one line a row, for spreadsheets; figures as they are, in seconds and bytes."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for run in runs:
        for row in run.rows:
            case, info = row.case, row.info
            ratio, judge, floor = row.ratio or {}, info["judge"] or {}, info["floor"] or {}
            writer.writerow(
                (
                    run.name, row.key, case["what"], case["subject"], case["variant"], case["extractor"],
                    info["weights"], case["size"], case["device"], case["precision"], info["threads"],
                    row.seconds, row.stats["q1"], row.stats["q3"], row.stats["rounds"], ratio.get("reference"),
                    ratio.get("same_work"), ratio.get("median"), ratio.get("low"), ratio.get("high"),
                    floor.get("share"), info["memory"].get("resident", info["memory"].get("reserved")),
                    words.peak(info["memory"]), judge.get("style_ratio"), judge.get("content"),
                    judge.get("total_variation"),
                )
            )  # fmt: skip
    return written.getvalue()
