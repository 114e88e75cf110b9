"""Model cards: what was made, from what, how, and how well it does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from styletransfer.files import write_atomically

_TOLD = (
    "command", "steps_done", "hours", "device", "content", "style", "pictures", "teachers", "started_from",
    "operations",
)  # fmt: skip
_UNEXPLAINED = (
    "Share of the variance of a teacher's layer that the best linear head on the extractor's layer leaves "
    "unexplained, on crops that neither was fitted to."
)
_APART = "Share of the variance of a teacher's layer by which the extractor's own differs, on crops not fitted to."


def write(path: Path, title: str, what: str, notes: Mapping[str, Any]) -> Path:
    """Write a card.

    Raises:
        OutputError: It cannot be written.
    """
    lines = [f"# Model card: {title}", "", f"**What.** {what}", "", "**How it was made.**", ""]
    lines += [f"- {key.replace('_', ' ')}: {notes[key]}" for key in _TOLD if notes.get(key) is not None]
    lines += ["", *_table("setting", "value", notes.get("settings", {}))]
    if "losses" in notes:
        lines += ["", "**Losses at the end** (medians of the last 50 steps).", ""]
        lines += _table("loss", "value", {key: f"{value:.4g}" for key, value in notes["losses"].items()})
    if "ranks" in notes:
        lines += ["", "**Ranks**: channels that each 3x3 part reads and gives.", ""]
        lines += _table("convolution", "ranks", notes["ranks"])
    if "unexplained" in notes:
        shares = {layer: f"{share:.3g}" for layer, share in notes["unexplained"].items()}
        lines += [
            "",
            f"**How well it learnt.** {_APART if 'ranks' in notes else _UNEXPLAINED}",
            "",
            *_table("layer", "unexplained", shares),
        ]
    lines += [
        "",
        "**Known limits.** To be filled in by whoever publishes it, after looking at its pictures.",
        "",
        "**Licence.** To be chosen by whoever publishes it; mind the terms of the pictures it learnt from.",
        "",
    ]
    return write_atomically(path, lambda file: file.write("\n".join(lines).encode()))


def _table(name: str, value: str, rows: Mapping[str, Any]) -> list[str]:
    return [f"| {name} | {value} |", "|---|---|", *(f"| {key} | {told} |" for key, told in rows.items())]
