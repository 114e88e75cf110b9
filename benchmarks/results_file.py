"""Reading what ``--benchmark-json`` wrote; what cannot be trusted is refused, with the way out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.plan import QUALITY
from benchmarks.plugin import SCHEMA, textbook_ratio
from styletransfer.errors import StyleTransferError
from styletransfer.files import ordinary_file
from styletransfer.judging.evaluation import FIGURES
from styletransfer.judging.judges import JudgeLabel

_MADE_BY = "python -m pytest benchmarks --benchmark-only --benchmark-json FILE"
#: A full run makes half a megabyte and a hundred rows.
_MOST_BYTES, _MOST_ROWS, _LONGEST_TEXT = 32 * 2**20, 2000, 2000

# Shapes of what is read. A dictionary lists the keys that are needed (those with a ? may be absent), or with `...`
# the shape of every value; a list has the shape of its items; in a tuple, None is allowed too. Numbers are finite.
_POSITIVE = "a positive number"
_WORDS = re.compile(r"[\w .,:+-]{0,60}")
_SIZE = re.compile(r"[1-9][0-9]{0,4}(x[1-9][0-9]{0,4})?")
_SPREAD = {"median": _POSITIVE, "low": float, "high": float, "min": float, "max": float, "rounds": int}
_LABEL = {"name": _WORDS, "version": int, "sha256": re.compile("[0-9a-f]{64}")}
_FIGURES = {"style_ratio": float, **dict.fromkeys(FIGURES, float)}
_JUDGED = {"style_ratio": float, "content": float}
#: A WebP file in base 64: of a quarter of a megabyte at most.
_PICTURE = re.compile("UklGR[A-Za-z0-9+/]{100,350000}={0,2}")
_POINT = {"objective": (float,), **_JUDGED}
_UNTIL = {"objective": (float,), "style_ratio": (float,), "both_terms": (float,)}
_TRACE = {
    "snapshots": [_POINT | {"seconds": _POSITIVE}],
    "others": {...: _POINT},
    "at": {"1": (_POINT,), "5": (_POINT,), "30": (_POINT,)},
    "until_better": {...: _UNTIL},
}
_COLD = {"import": float, "create": float, "first_call": float, "second_call": float, "options": {...: object}}
_TARGET = {
    **dict.fromkeys(("name", "what", "unit"), str),
    **dict.fromkeys(("wanted", "value"), float),
    **dict.fromkeys(("least", "reached", "meant"), bool),
}
_CASE = {
    **dict.fromkeys(("what", "subject", "variant", "extractor", "device", "precision", "pair"), _WORDS),
    "size": _SIZE,
}
_ROW = {
    "fullname": str,
    "group": str,
    "stats": {"median": _POSITIVE, "q1": float, "q3": float, "rounds": int},
    "extra_info": {
        "case": _CASE,
        "weights": str,
        "threads": int,
        "ratio": ({"reference": str, "same_work": bool, **_SPREAD},),
        "floor": ({"share": float},),
        "memory": {"absent?": str, **dict.fromkeys(("resident?", "added?", "allocated?", "reserved?"), float)},
        "judge": (_FIGURES | {"judge": _LABEL},),
        "picture?": _PICTURE,
        "peer?": {
            "seconds": _POSITIVE,
            **dict.fromkeys(("version", "licence", "clock"), str),
            "settings": {...: str},
        },
        "trace?": _TRACE,
        "processor?": {"seconds": float, "ratio": (_SPREAD,)},
        "targets?": [_TARGET],
        "cold?": [_COLD],
    },
}
_MACHINE = {
    **dict.fromkeys(("processor_name", "instructions", "torch", "system", "machine", "python_version"), str),
    **dict.fromkeys(("driver", "cuda"), (str,)),
    "cores": (int,),
    "threads": int,
    "clock_mhz": ([float],),
    "load": ([float],),
    "memory_bytes": (int,),
    "gpus": [str],
    "cudnn": object,
    "git": ({"commit": str, "changed": bool},),
    "weights": {...: {"state": str, "sha256": (str,)}},
}
_RUN = {
    "profile": str,
    "command": str,
    "complete": bool,
    "missing": {...: str},
    "skipped": [{"reason": str}],
    "rates": {...: float},
    "judge": _LABEL,
    "pairs": {...: {"content": _PICTURE, "style": _PICTURE, "references": {...: _FIGURES}}},
}


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
        """Return the median, or what another program measured of itself."""
        return float(self.info["peer"]["seconds"] if "peer" in self.info else self.stats["median"])

    @property
    def ratio(self) -> Mapping[str, Any] | None:
        """Return the ratio to the textbook, if there is one beside the row."""
        return textbook_ratio(self.info)

    @property
    def label(self) -> str:
        """Return subject and variant, for people."""
        precision = self.case["precision"]
        parts = (self.case["subject"], self.case["variant"], "" if precision == "fp32" else precision)
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, kw_only=True)
class Results:
    """One run.

    Attributes:
        name: The file's name.
        date: When it was made, ISO 8601.
        machine: The machine's record.
        run: Profile, command, skipped rows, rates, whether it was finished.
        rows: The finished rows.
        judge: Whose figures they carry.
    """

    name: str
    date: str
    machine: Mapping[str, Any]
    run: Mapping[str, Any]
    rows: tuple[Row, ...]
    judge: JudgeLabel


def load(path: Path) -> Results:
    """Read one file.

    Raises:
        ResultsError: It is missing, cut short, no benchmark results, of another schema, without rows, or damaged.
    """
    data = _parse(path)
    if not isinstance(data, dict) or "benchmarks" not in data or "machine_info" not in data:
        raise ResultsError(f"{path} is JSON, but no benchmark results. Make some: {_MADE_BY}.")
    run = data.get("styletransfer")
    schema = run.get("schema") if isinstance(run, dict) else None
    if schema != SCHEMA:
        raise ResultsError(
            f"{path} has results of schema {str(schema)[:40]}, this code reads schema {SCHEMA}. "
            f"Make them again: {_MADE_BY}, or read them with the version of the code that wrote them."
        )
    fault = _fault(
        data, {"datetime": str, "machine_info": _MACHINE, "styletransfer": _RUN, "benchmarks": [_ROW]}, ""
    )
    if fault:
        raise ResultsError(f"{path} is damaged or was changed by hand: {fault}. Make it again: {_MADE_BY}.")
    rows = tuple(_row(entry, path) for entry in data["benchmarks"])
    if not rows:
        raise ResultsError(f"{path} holds no finished row. Make it again: {_MADE_BY}.")
    judge = JudgeLabel.from_dict(run["judge"], path.name)
    for row in rows:
        if row.info["judge"] and row.info["judge"]["judge"] != run["judge"]:
            raise ResultsError(f"{path}: {row.key} was not judged by {judge.text}. Make it again: {_MADE_BY}.")
        if row.case["what"] == QUALITY and row.case["pair"] not in run["pairs"]:
            raise ResultsError(f"{path}: the pair of {row.key} is missing. Make it again: {_MADE_BY}.")
    return Results(
        name=path.name, date=data["datetime"], machine=data["machine_info"], run=run, rows=rows, judge=judge
    )


def _parse(path: Path) -> Any:
    ordinary_file(path, "results file", ResultsError, give="what --benchmark-json wrote")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ResultsError(f"{path} has more than {_MOST_BYTES >> 20} MiB; no run writes so much.")
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ResultsError(f"{path} cannot be read: {error}.") from error
    except json.JSONDecodeError as error:
        raise ResultsError(
            f"{path} is cut short or no JSON at all (line {error.lineno}: {error.msg}). Make it again: {_MADE_BY}."
        ) from error
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, brackets in thousands
        raise ResultsError(f"{path} is no benchmark results: {error}. Make some: {_MADE_BY}.") from error


def _row(entry: Mapping[str, Any], path: Path) -> Row:
    info = entry["extra_info"]
    key = entry["fullname"].rsplit("::", 1)[-1]
    if entry["stats"]["rounds"] < 1:
        raise ResultsError(f"{path}: the row {key} was measured in no rounds. Make it again: {_MADE_BY}.")
    if "trace" in info:
        points = [*info["trace"]["snapshots"], *info["trace"]["others"].values()]
        measured = {point["objective"] is None for point in points}
        same = info["trace"]["others"].keys() == info["trace"]["until_better"].keys()
        if not info["trace"]["snapshots"] or len(measured) > 1 or not same:
            raise ResultsError(f"{path}: the trace of {key} is damaged. Make it again: {_MADE_BY}.")
    if info.get("cold") == []:
        raise ResultsError(f"{path}: the row {key} has no cold start. Make it again: {_MADE_BY}.")
    return Row(key=key, group=entry["group"], case=info["case"], stats=entry["stats"], info=info)


def _fault(value: Any, shape: Any, where: str) -> str:
    """Say where `value` is not of `shape`, or return an empty string."""
    if isinstance(shape, tuple):
        return "" if value is None else _fault(value, shape[0], where)
    if isinstance(shape, list) and isinstance(value, list) and len(value) <= _MOST_ROWS:
        return next((f for i, item in enumerate(value) if (f := _fault(item, shape[0], f"{where}[{i}]"))), "")
    if isinstance(shape, dict) and isinstance(value, dict) and len(value) <= _MOST_ROWS:
        if ... in shape:
            pairs = [(key, shape[...]) for key in value]
        else:
            pairs = [(k.rstrip("?"), inner) for k, inner in shape.items() if k[-1] != "?" or k[:-1] in value]
        return next((f for k, inner in pairs if (f := _fault(value.get(k, _ABSENT), inner, f"{where}.{k}"))), "")
    return "" if _fits(value, shape) else f"{where.lstrip('.')[:80]} is {_short(value)}"


_ABSENT = object()


def _fits(value: Any, shape: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if shape is float or shape is _POSITIVE:
        sound = number and abs(value) < 1e15  # which NaN is not
        return sound and (shape is float or value > 1e-12)
    if shape is int:
        return isinstance(value, int) and number and abs(value) < 1e15
    if isinstance(shape, re.Pattern):
        return isinstance(value, str) and shape.fullmatch(value) is not None
    if shape is str:
        return isinstance(value, str) and len(value) <= _LONGEST_TEXT
    return isinstance(shape, type) and isinstance(value, shape) and value is not _ABSENT


def _short(value: Any) -> str:
    return "missing" if value is _ABSENT else repr(value)[:40]
