"""The report as Markdown, and its rows as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from benchmarks.report import words
from benchmarks.report.parts import Section, Strip, Table
from benchmarks.results_file import Results
from styletransfer.judging.evaluation import FIGURES

_COLUMNS = (
    "file", "row", "what", "subject", "variant", "network", "weights", "size", "device", "precision", "threads",
    "seconds_median", "seconds_q1", "seconds_q3", "rounds", "reference", "same_work", "ratio_median", "ratio_low",
    "ratio_high", "floor_share", "peak_bytes", "added_bytes", "pair", "judge", "style_ratio", *FIGURES,
)  # fmt: skip
#: Where the sheet of pictures lies, beside the Markdown report.
SHEET = "pictures.webp"


def markdown(title: str, sections: Sequence[Section]) -> str:
    """Return the page's text and tables; charts are on the HTML page only, the first pictures on one sheet."""
    lines = [f"# {title}", ""]
    if any(section.charts for section in sections):
        lines += ["The charts that some sections speak of are on the page report.html, made with this one.", ""]
    shown = first_strips(sections)
    for section in sections:
        lines += [f"{'##' if section.part else '###'} {section.title}", ""]
        for text in (*section.warnings, *section.text):
            lines += [text, ""]
        lines += [f"- {text}" for text in section.bullets]
        lines += [""] if section.bullets else []
        if section.strips and section.strips is shown:
            lines += [f"![content, style and each method's picture, pair by pair]({SHEET})", ""]
        for table_ in section.tables:
            lines += table(table_)
    return "\n".join(lines).rstrip() + "\n"


def first_strips(sections: Sequence[Section]) -> Sequence[Strip]:
    """Return the pictures that the Markdown report shows."""
    return next((section.strips for section in sections if section.strips), ())


def table(content: Table) -> list[str]:
    """Return the lines of a table."""
    if not content.rows:
        return []
    marks = ["---"] * content.names + ["---:"] * (len(content.head) - content.names)
    head = [list(content.head), marks]
    rows = [*head, *[[cell.replace("|", "\\|") for cell in row] for row in content.rows]]
    caption = [f"{content.caption}:", ""] if content.caption else []
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
                    words.peak(info["memory"]), case["pair"], run.judge.text if judge else None,
                    *(judge.get(figure) for figure in ("style_ratio", *FIGURES)),
                )
            )  # fmt: skip
    return written.getvalue()
