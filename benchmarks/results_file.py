"""Reading what ``--benchmark-json`` wrote; what cannot be trusted is refused, with the way out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.plugin import SCHEMA, textbook_ratio
from styletransfer.errors import StyleTransferError

_MADE_BY = "python -m pytest benchmarks --benchmark-only --benchmark-json FILE"


class ResultsError(StyleTransferError, ValueError):
    """A results file that is missing, cut short, of another kind or schema, or that holds nothing."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One finished row.

    Attributes:
        key: What identifies it in every run: the test's name with its case.
        group: Rows of one group do the same for the same picture.
        case: `cases.Case` as a dictionary.
        stats: pytest-benchmark's: ``median``, ``q1``, ``q3``, ``rounds`` ... in seconds.
        info: The record: ratio, floor, memory, judge ...
    """

    key: str
    group: str
    case: Mapping[str, Any]
    stats: Mapping[str, Any]
    info: Mapping[str, Any]

    @property
    def seconds(self) -> float:
        """Return the median."""
        return float(self.stats["median"])

    @property
    def ratio(self) -> Mapping[str, Any] | None:
        """Return the ratio to the textbook, if there is one beside the row."""
        return textbook_ratio(self.info)

    @property
    def label(self) -> str:
        """Return subject and variant, for people."""
        variant, precision = self.case["variant"], self.case["precision"]
        words = [
            self.case["subject"],
            *([variant] if variant else []),
            *([precision] if precision != "fp32" else []),
        ]
        return ", ".join(words)


@dataclass(frozen=True, kw_only=True)
class Results:
    """One run.

    Attributes:
        name: The file's name.
        date: When it was made, ISO 8601.
        machine: The machine's record.
        run: Profile, command, skipped rows, rates, whether it was finished.
        rows: The finished rows.
    """

    name: str
    date: str
    machine: Mapping[str, Any]
    run: Mapping[str, Any]
    rows: tuple[Row, ...]


def load(path: Path) -> Results:
    """Read one file.

    Raises:
        ResultsError: It is missing, cut short, no benchmark results, of another schema, or without rows.
    """
    data = _parse(path)
    if not isinstance(data, dict) or "benchmarks" not in data or "machine_info" not in data:
        raise ResultsError(f"{path} is JSON, but no benchmark results. Make some: {_MADE_BY}.")
    run = data.get("styletransfer")
    schema = run.get("schema") if isinstance(run, dict) else None
    if schema != SCHEMA:
        raise ResultsError(
            f"{path} has results of schema {schema}, this code reads schema {SCHEMA}. "
            f"Make them anew: {_MADE_BY}, or read them with the version of the code that wrote them."
        )
    try:
        rows = tuple(_row(entry) for entry in data["benchmarks"])
        results = Results(name=path.name, date=data["datetime"], machine=data["machine_info"], run=run, rows=rows)
    except (KeyError, TypeError, IndexError) as error:
        raise ResultsError(
            f"{path} lacks {error} in a row; it was changed by hand. Make it anew: {_MADE_BY}."
        ) from error
    if not rows:
        raise ResultsError(f"{path} holds no finished row. Make it anew: {_MADE_BY}.")
    for row in rows:
        if not row.stats["rounds"] or not row.seconds > 0:
            raise ResultsError(f"{path}: the row {row.key} was measured in no rounds. Make it anew: {_MADE_BY}.")
    return results


def _parse(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ResultsError(f"There is no file {path}. Make one: {_MADE_BY}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ResultsError(f"{path} cannot be read: {error}.") from error
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ResultsError(
            f"{path} is cut short or no JSON at all (line {error.lineno}: {error.msg}). Make it anew: {_MADE_BY}."
        ) from error


def _row(entry: Mapping[str, Any]) -> Row:
    info = entry["extra_info"]
    for field in ("case", "ratio", "floor", "memory", "judge", "weights"):
        _ = info[field]
    return Row(
        key=entry["fullname"].rsplit("::", 1)[-1],
        group=entry["group"],
        case=info["case"],
        stats=entry["stats"],
        info=info,
    )
