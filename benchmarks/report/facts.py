"""What follows from the rows: sentences, exponents, and when a training has paid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from benchmarks.plan import LITE
from benchmarks.report import words
from benchmarks.results_file import Row

#: Hours of training for which the table says when they have paid.
PAID_HOURS = (1, 5, 12, 24)


def in_short(rows: Sequence[Row]) -> list[str]:
    """Return the main findings as sentences, each from rows of this run."""
    told = []
    runs = [row for row in rows if "trace" in row.info]
    for run in runs[-1:]:
        told += _run_against_pictures(run, rows)
    equal = [row for row in rows if row.ratio and row.ratio["same_work"]]
    for what in ("one step", "whole picture"):
        best = [row for row in equal if row.case["what"] == what and row.case["extractor"] == LITE][-1:]
        for row in best:
            told.append(
                f"{words.label(row)}, {what}, {row.case['size']} px: {words.seconds(row.seconds)}, "
                f"{(row.ratio or {})['median']:.2f} times as fast as the method as tutorials write it (the "
                f"textbook), for the same numbers; {words.share(row.info['floor'])} of the floor, the least time "
                "that direct convolution could take."
            )
    return told


def _run_against_pictures(run: Row, rows: Sequence[Row]) -> list[str]:
    told = []
    method, size = words.name(run.case["subject"]), run.case["size"]
    for other, after in run.info["trace"]["until_better"].items():
        feed = _feed_forward(other, run, rows)
        if feed is None:
            continue
        if run.info["judge"]:
            told.append(_both(run, other, feed))
        until = after["objective"] if after["objective"] is not None else after["style_ratio"]
        by = "under its own loss" if after["objective"] is not None else "by style ratio"
        if until is None:
            told.append(f"In this run {method} never became better than {words.name(other)}'s picture {by}.")
        else:
            told.append(
                f"{method} is better than {words.name(other)}'s picture {by} after {words.seconds(until)}."
            )
        counts = _pictures_for(12, run.seconds, feed)
        if counts is not None:
            told.append(
                f"A training of 12 hours on this machine has paid after {counts:,} pictures of {size} px, beside "
                f"full runs of {method}."
            )
    return told


def _both(run: Row, other: str, feed: float) -> str:
    """Say what a feed-forward method and a full run take and reach."""
    method = words.name(run.case["subject"])
    judged, judged_run = run.info["trace"]["others"][other], run.info["judge"]
    return (
        f"At {run.case['size']} px {words.name(other)} takes {words.seconds(feed)} and reaches a style ratio of "
        f"{judged['style_ratio']:.2f} at a content figure of {judged['content']:.2f}; {method} takes "
        f"{words.seconds(run.seconds)}, {run.seconds / feed:,.0f} times as long, and reaches "
        f"{judged_run['style_ratio']:.2f} at {judged_run['content']:.2f} (lower is better)."
    )


def paid_after(run: Row, pictures: Sequence[Row]) -> dict[str, tuple[str, ...]]:
    """Return for each feed-forward method after how many pictures `PAID_HOURS` of training have paid."""
    counted = {}
    for other in run.info["trace"]["others"]:
        feed = _feed_forward(other, run, pictures)
        if feed is not None:
            counts = (_pictures_for(hours, run.seconds, feed) for hours in PAID_HOURS)
            counted[other] = tuple("never" if count is None else f"{count:,} pictures" for count in counts)
    return counted


def _pictures_for(hours: float, slow: float, fast: float) -> int | None:
    return math.ceil(hours * 3600 / (slow - fast)) if slow > fast else None


def feed_forward_row(method: str, run: Row, rows: Sequence[Row]) -> Row | None:
    """Return the row of a feed-forward method's picture that stands beside a run: style given, fp32."""
    wanted: dict[str, Any] = {**run.case, "subject": method, "variant": "style given"}
    return next((row for row in rows if dict(row.case) == wanted), None)


def _feed_forward(method: str, run: Row, rows: Sequence[Row]) -> float | None:
    row = feed_forward_row(method, run, rows)
    return None if row is None else row.seconds


def exponents(rows: Sequence[Row]) -> dict[tuple[str, str], tuple[float, list[tuple[int, float]]]]:
    """Fit seconds = a * pixels ** exponent to every series of two sizes or more.

    Returns:
        ``{(what, network): (exponent, [(pixels, seconds)])}``.
    """
    series: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for row in rows:
        if row.case["what"] in ("whole picture", "one step") and row.case["precision"] == "fp32":
            step = ", one step" if row.case["what"] == "one step" else ""
            key = (words.label(row) + step, row.case["extractor"])
            series.setdefault(key, []).append((words.order(row.case["size"]), row.seconds))
    return {key: (slope(points), points) for key, points in series.items() if len({x for x, _ in points}) > 1}


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the least-squares slope in logarithms."""
    xs, ys = [math.log(x) for x, _ in points], [math.log(y) for _, y in points]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / sum(
        (x - mean_x) ** 2 for x in xs
    )
