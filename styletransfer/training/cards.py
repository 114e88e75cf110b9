"""Model cards: what was made, from what, how, and how well it does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from styletransfer.files import write_atomically
from styletransfer.methods.feedforward.decoder_files import DecoderSpec

_UNEXPLAINED = (
    "Share of a teacher's tap's variance that the best linear head on the extractor's tap leaves unexplained, on "
    "crops that neither was fitted to."
)


def write(path: Path, text: str) -> Path:
    """Write a card.

    Raises:
        OutputError: It cannot be written.
    """
    return write_atomically(path, lambda file: file.write(text.encode()))


def decoder(spec: DecoderSpec, notes: Mapping[str, Any]) -> str:
    """Return the card of a decoder."""
    what = (
        f"A decoder of AdaIN for the extractor `{spec.encoder}`. Reads {', '.join(spec.taps)}, aligned with the "
        f"style; {spec.passes} pass(es); {spec.upsampling} upsampling, {spec.padding} padding."
    )
    return _card(f"decoder for {spec.encoder}", what, notes)


def extractor(name: str, widths: tuple[int, ...], last: str, notes: Mapping[str, Any]) -> str:
    """Return the card of an extractor."""
    what = (
        f"VGG-19's topology to {last}, {', '.join(map(str, widths))} channels. RGB in [0, 1] in; ImageNet mean "
        "and deviation, reflection padding, max pooling inside; every channel has a mean activation of about one."
    )
    return _card(name, what, notes)


def _card(title: str, what: str, notes: Mapping[str, Any]) -> str:
    lines = [f"# Model card: {title}", "", f"**What.** {what}", "", "**How it was made.**", ""]
    for key in (
        "command",
        "steps_done",
        "hours",
        "device",
        "content",
        "style",
        "pictures",
        "teachers",
        "started_from",
    ):
        if notes.get(key) is not None:
            lines.append(f"- {key.replace('_', ' ')}: {notes[key]}")
    lines += ["", "| setting | value |", "|---|---|"]
    lines += [f"| {key} | {value} |" for key, value in notes.get("settings", {}).items()]
    lines += ["", "**Losses at the end** (medians of the last 50 steps).", "", "| loss | value |", "|---|---|"]
    lines += [f"| {key} | {value:.4g} |" for key, value in notes.get("losses", {}).items()]
    if "unexplained" in notes:
        lines += ["", f"**How well it learnt.** {_UNEXPLAINED}", "", "| tap | unexplained |", "|---|---|"]
        lines += [f"| {tap} | {share:.3f} |" for tap, share in notes["unexplained"].items()]
    lines += [
        "",
        "**Known limits.** To be filled in by whoever publishes it, after looking at its pictures.",
        "",
        "**Licence.** To be chosen by whoever publishes it; mind the terms of the pictures it learnt from.",
        "",
    ]
    return "\n".join(lines)
