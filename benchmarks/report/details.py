"""The sections on single steps, stages, memory and cold starts."""

from __future__ import annotations

from typing import Any

from benchmarks.report import charts, words
from benchmarks.report.parts import TIMED_HEAD, Section, Table, network, timed
from benchmarks.results_file import Row
from benchmarks.targets import in_words, reached, wanted


def steps(rows: list[Row]) -> Section | None:
    if not rows:
        return None
    table = Table(
        names=2,
        head=("step", *TIMED_HEAD),
        rows=[timed(row) for row in rows],
    )
    return Section(
        title="One step of a descent",
        text=(
            "As the textbook: it optimises the very loss of the textbook loop, so that the ratio compares equal "
            "work. Default: the step users get, with the additions of docs/methods.md; its ratio is a yardstick.",
        ),
        tables=[table],
    )


def targets(rows: list[Row]) -> Section | None:
    """Return the section on what the package wants to reach, and has."""
    marked = [(row, mark) for row in rows for mark in row.info.get("targets", ())]
    if not marked:
        return None
    table = Table(
        names=4,
        head=("target", "what", "network", "size", "wanted", "measured", "reached", "of the floor"),
        rows=[
            (
                mark["name"],
                mark["what"],
                network(row),
                row.case["size"],
                wanted(mark),
                in_words(mark["value"], mark["unit"]),
                reached(mark),
                words.share(row.info["floor"]),
            )
            for row, mark in marked
        ],
    )
    return Section(
        title="Speed targets",
        text=(
            "On the processor with one thread; times are processor seconds, which other programs hardly change, "
            "and ratios medians over pairs that ran in turns. The package as it was at commit 48d8b17 is kept "
            "beside the benchmarks (`benchmarks/frozen`), with today's weights.",
        ),
        tables=[table],
    )


def stages(rows: list[Row]) -> Section | None:
    if not rows:
        return None
    names = list(dict.fromkeys(row.case["subject"] for row in rows))
    names = [n for n in ("load", "copy", "extract", "encode style", "decode", "save") if n in names]
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        ratio = row.ratio
        text = words.seconds(row.seconds) + (f" ({ratio['median']:.2f})" if ratio else "")
        cells.setdefault((network(row), row.case["size"]), {})[row.case["subject"]] = text
    table = Table(
        head=("network", "size", *names),
        rows=[(*key, *(own.get(n, words.NONE) for n in names)) for key, own in cells.items()],
    )
    return Section(
        title="The stages apart",
        text=(f"In brackets: how many times faster than the textbook's way ({words.TIMES}).",),
        tables=[table],
    )


def memory(rows: list[Row]) -> Section | None:
    weighed = [
        row for row in rows if words.peak(row.info["memory"]) and row.case["what"] in ("whole picture", "one step")
    ]
    if not weighed:
        return None
    on_gpu = "reserved" in weighed[0].info["memory"]
    parts = ("allocated", "reserved") if on_gpu else ("added", "resident")
    table = Table(
        names=2,
        head=("what", "network", "size", *(f"{part}, MiB" for part in parts)),
        rows=[
            (
                f"{words.label(row)} ({row.case['what']})",
                network(row),
                row.case["size"],
                *(words.mebibytes(row.info["memory"].get(part)) for part in parts),
            )
            for row in weighed
        ],
    )
    meaning = (
        "Allocated: tensors. Reserved: what the allocator took from the card."
        if on_gpu
        else "Resident: the process' peak, with Python, torch and the networks in it. Added: how much of it the "
        "work needed beyond what was resident before."
    )
    return Section(
        title="Memory",
        text=(f"The peak of one more run, which is not timed. {meaning}",),
        charts=[charts.against_pixels(_memory_points(weighed), "Memory", "MiB added")],
        tables=[table],
    )


def _memory_points(rows: list[Row]) -> dict[tuple[str, str], list[tuple[int, float]]]:
    series: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for row in rows:
        step = ", one step" if row.case["what"] == "one step" else ""
        point = (words.order(row.case["size"]), (words.peak(row.info["memory"]) or 0) / 2**20)
        series.setdefault((words.label(row) + step, row.case["extractor"]), []).append(point)
    return series


def controls(rows: list[Row]) -> Section | None:
    """What each control costs, beside a plain picture."""
    if not rows:
        return None
    table = Table(
        names=2,
        head=("method", "control", "size", "median", "times a plain one's"),
        rows=[
            (
                words.name(row.case["subject"]),
                row.case["variant"],
                row.case["size"],
                words.seconds(row.seconds),
                _times_plain(row),
            )
            for row in rows
        ],
    )
    return Section(
        title="Controls",
        text=(
            "A picture with one control, in turns with one without (four steps of a descent). Each masked region "
            "of a feed-forward method is a picture of its own.",
        ),
        tables=[table],
    )


def _times_plain(row: Row) -> str:
    ratio = row.info["ratio"]
    return "" if ratio is None else f"{1 / ratio['median']:.2f}"


def cold(rows: list[Row]) -> Section | None:
    if not rows:
        return None

    def middle(row: Row, part: str) -> float:
        values = sorted(one[part] for one in row.info["cold"])
        return float(values[len(values) // 2])

    table = Table(
        head=(
            "first picture of a process",
            "size",
            "in all",
            "import",
            "read weights",
            "first call",
            "second call",
        ),
        rows=[
            (
                words.name(row.case["subject"]) + _options(row),
                row.case["size"],
                words.seconds(row.seconds),
                *(words.seconds(middle(row, part)) for part in ("import", "create", "first_call", "second_call")),
            )
            for row in rows
        ],
    )
    return Section(
        title="Cold start",
        text=(
            "A fresh process, from its start to its end. In all holds two calls and the drawing of the pictures; "
            "what the first call takes beyond the second is setting up.",
        ),
        tables=[table],
    )


def _options(row: Row) -> str:
    options: dict[str, Any] = row.info["cold"][0]["options"]
    return f", {options['steps']} steps" if "steps" in options else ""
