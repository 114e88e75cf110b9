"""The table under pytest-benchmark's own, which cannot show ratios, memory or quality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_HEAD = ("case", "seconds", "x textbook", "of floor", "peak memory", "style ratio")


def lines(rows: Sequence[tuple[str, str, dict[str, Any], float | None]]) -> list[str]:
    """Return the table, one block a group."""
    cells: list[tuple[str, ...] | str] = [_HEAD]
    group = None
    for name, its_group, info, seconds in sorted(rows, key=lambda row: row[1]):
        if its_group != group:
            group = its_group
            cells.append(group)
        cells.append((f"  {name}", *_figures(info, seconds)))
    widths = [max(len(row[i]) for row in cells if isinstance(row, tuple)) for i in range(len(_HEAD))]
    return [
        row if isinstance(row, str) else row[0].ljust(widths[0]) + "".join(
            "  " + cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)
        )
        for row in cells
    ]  # fmt: skip


def _figures(info: dict[str, Any], seconds: float | None) -> tuple[str, ...]:
    ratio, floor, judge = info.get("ratio"), info.get("floor"), info.get("judge")
    memory = info.get("memory", {})
    peak = memory.get("resident", memory.get("reserved"))
    return (
        "-" if seconds is None else f"{seconds:.4f}",
        f"{ratio['median']:.2f}" if ratio else "-",
        f"{floor['share']:.0%}" if floor else "-",
        f"{peak / 2**20:.0f} MiB" if peak else "-",
        f"{judge['style_ratio']:.3f}" if judge else "-",
    )
