"""How numbers and names are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.results_file import Row
from styletransfer.methods import METHODS

NONE = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"
#: A larger share of the floor is none: the floor was measured with arithmetic that the processor emulates, and
#: the row was not. Winograd's convolutions reach less than twice the direct ones' floor.
_EMULATED = 2.0


def name(method: str) -> str:
    return METHODS[method].title if method in METHODS else method


def label(row: Row) -> str:
    """Return method and variant."""
    return row.label.replace(row.case["subject"], name(row.case["subject"]), 1)


def subject(row: Row) -> str:
    """Return the method's title with a part that is not its default, or the program's name and version."""
    peer, (_, comma, part) = row.info.get("peer"), row.case["variant"].partition(", ")
    return f"{row.case['subject']} {peer['version']}" if peer else f"{name(row.case['subject'])}{comma}{part}"


def seconds(value: float | None) -> str:
    """Return a duration in the unit that suits it."""
    if value is None:
        return NONE
    if value < 0.9995:
        return f"{value * 1e3:.3g} ms" if value * 1e3 < 99.95 else f"{value * 1e3:.0f} ms"
    return f"{value:.3g} s" if value < 99.95 else f"{value:.0f} s"


def spread(stats: Mapping[str, Any]) -> str:
    """Return the quartiles around a median, in per cent of it; nothing for a single round."""
    if stats["rounds"] < 2:
        return "one round"
    low, high = stats["q1"] / stats["median"] - 1, stats["q3"] / stats["median"] - 1
    return f"{low:+.0%} to {high:+.0%}"


def ratio(value: Mapping[str, Any] | None) -> str:
    """Return a ratio to the reference with its quartiles."""
    if not value:
        return NONE
    text = f"{value['median']:.2f}"
    return text if value["rounds"] < 2 else f"{text} ({value['low']:.2f} to {value['high']:.2f})"


def share(floor: Mapping[str, Any] | None) -> str:
    return f"{floor['share']:.0%}" if floor and floor["share"] < _EMULATED else NONE


def number(value: float | None, digits: int = 3) -> str:
    return NONE if value is None else f"{value:.{digits}f}"


def mebibytes(value: float | None) -> str:
    return NONE if value is None else f"{value / 2**20:,.0f}"


def peak(memory: Mapping[str, Any]) -> float | None:
    """Return what a row added to memory: above what was there before (CPU), or reserved (CUDA)."""
    return memory.get("added", memory.get("reserved"))


def order(size: str) -> int:
    """Return the number of pixels of a size's label, to sort and draw by."""
    height, _, width = size.partition("x")
    return int(height) * int(width or height)
