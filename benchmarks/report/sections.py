"""What the page says, section by section, as data; `page` and `plain` write it as HTML, Markdown and CSV."""

from __future__ import annotations

from benchmarks.pictures import PAIR
from benchmarks.plan import LITE
from benchmarks.report import charts, details, quality, words
from benchmarks.report.facts import PAID_HOURS, exponents, in_short, paid_after
from benchmarks.report.parts import TIMED_HEAD, Section, Table, judged, timed
from benchmarks.results_file import Results, Row

TIMES = words.TIMES
_DEVICES = {"cpu": "processor", "cuda": "CUDA GPU", "mps": "Apple GPU"}


def of_device(results: Results, device: str) -> list[Section]:
    """Return the sections on what one device measured."""
    rows = sorted(
        (row for row in results.rows if row.case["device"] == device),
        key=lambda row: (row.case["extractor"] != LITE, words.order(row.case["size"]), row.key),
    )
    pictures = [row for row in rows if row.case["what"] == "whole picture"]
    runs = [row for row in pictures if "trace" in row.info]
    made: list[Section | None] = [
        _short(rows, device),
        details.targets(rows),
        _pictures(pictures),
        quality.section(results, rows),
        _quality(pictures, rows),
        _loss(runs, pictures),
        _growth(rows),
        details.steps([row for row in rows if row.case["what"] == "one step"]),
        details.stages([row for row in rows if row.case["what"] == "stage"]),
        details.controls([row for row in rows if row.case["what"] == "control"]),
        details.memory(rows),
        details.cold([row for row in rows if row.case["what"] == "cold start"]),
    ]
    return [section for section in made if section is not None]


def _short(rows: list[Row], device: str) -> Section | None:
    bullets = in_short(rows) + quality.in_short(rows)
    where = _DEVICES.get(device, device)
    return Section(title=f"In short, on the {where}", bullets=bullets) if bullets else None


def _pictures(rows: list[Row]) -> Section | None:
    if not rows:
        return None
    table = Table(
        names=2,
        head=("method", *TIMED_HEAD, "style ratio", "content"),
        rows=[(*timed(row), *judged(row)) for row in rows],
    )
    return Section(
        title="Whole pictures",
        text=(
            "From two pictures in memory to the stylized one, without reading and writing files. Style ratio: the "
            "mean of the judge's moment and Gram figures; 1 means that no style was taken, 0 that the picture has "
            "the style's statistics. Content: 0 means untouched. All pictures are of one pair; the figures of "
            "several are under Quality. "
            f"{TIMES} textbook: how many times faster than the tutorial's code, which ran in turns with it "
            "(median, with quartiles). Of the floor: the least time that direct convolution could take on "
            "this machine, over the time taken. Random weights cost the same time but make no picture worth "
            "judging.",
        ),
        tables=[table],
    )


def _quality(pictures: list[Row], rows: list[Row]) -> Section | None:
    others = [row for row in quality.rated(rows) if row.case["pair"] == PAIR and row.case["extractor"] != LITE]
    judged = [row for row in [*pictures, *others] if row.info["judge"]]
    if not judged:
        return None
    return Section(
        title="Speed against quality",
        text=(
            "Left is faster, down is more of the style, for the pair that speed is measured on. A line joins one "
            "method's sizes.",
        ),
        charts=[charts.speed_and_quality(judged)],
    )


def _loss(runs: list[Row], pictures: list[Row]) -> Section | None:
    if not runs:
        return None
    told = Table(
        caption="What one would have after so many seconds",
        names=2,
        head=("run", "picture", "loss", "style ratio", "content"),
        rows=[line for row in runs for line in _told(row)],
    )
    better = Table(
        caption="Seconds until the descent's picture is better than the feed-forward method's",
        names=2,
        head=("run", "beaten picture", "by its own loss", "by style ratio", "by style ratio and content"),
        rows=[
            (
                f"{words.name(row.case['subject'])}, {row.case['size']} px",
                words.name(other),
                *(_until(after[term]) for term in ("objective", "style_ratio", "both_terms")),
            )
            for row in runs
            for other, after in row.info["trace"]["until_better"].items()
        ],
    )
    paid = Table(
        caption="After how many pictures a training has paid",
        head=("instead of", *(f"{hours} h of training" for hours in PAID_HOURS)),
        rows=[
            (
                f"{words.name(row.case['subject'])}, {row.case['size']} px, by {words.name(other)}",
                *counts,
            )
            for row in runs
            for other, counts in paid_after(row, pictures).items()
        ],
    )
    return Section(
        title="Loss over seconds",
        text=(
            "The loss is the descent's own objective, measured at full size for every picture, so that the "
            "descent at half size and the feed-forward method's picture (a point) stand on one scale. Below 1, 5 "
            "and 30 seconds: the picture one would have by then.",
            "Feed-forward methods pay their training once. The last table says after how many pictures a training "
            "of so many hours on this machine has cost less than that many descents.",
        ),
        charts=[charts.loss_over_seconds(row, pictures) for row in runs],
        tables=[told, better, paid],
    )


def _told(row: Row) -> list[tuple[str, ...]]:
    trace, size = row.info["trace"], row.case["size"]
    run = f"{words.name(row.case['subject'])}, {size} px"
    end = trace["snapshots"][-1]
    lines = [
        (
            run,
            f"after {second} s" if float(second) < end["seconds"] else f"after {second} s (it had ended)",
            values,
        )
        for second, values in trace["at"].items()
    ]
    lines.append((run, f"at its end, {words.seconds(end['seconds'])}", end))
    lines += [
        (f"{words.name(other)}, {size} px", "its only one", values) for other, values in trace["others"].items()
    ]
    return [
        (run, picture, *(words.number(values and values[t]) for t in ("objective", "style_ratio", "content")))
        for run, picture, values in lines
    ]


def _until(value: float | None) -> str:
    return "not in this run" if value is None else f"after {words.seconds(value)}"


def _growth(rows: list[Row]) -> Section | None:
    fitted = exponents(rows)
    if not fitted:
        return None
    table = Table(
        names=2,
        head=("what", "network", "exponent"),
        rows=[(what, network, f"{value:.2f}") for (what, network), (value, _) in fitted.items()],
    )
    return Section(
        title="Cost against size",
        text=(
            "Seconds against the number of pixels, both in logarithms. The exponent is the slope of the straight "
            "line through them: 1 means that twice the pixels take twice the time, less that something does not "
            "grow.",
        ),
        charts=[charts.against_pixels({key: points for key, (_, points) in fitted.items()}, "Seconds", "seconds")],
        tables=[table],
    )
