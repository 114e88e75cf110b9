"""A descent's loss over seconds, and what it says beside a feed-forward method's single picture.

Snapshots are taken during the run and judged after it, so that judging costs no time on the clock.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

import styletransfer as st
from styletransfer.images import resize
from styletransfer.judging.judge import Pair
from styletransfer.stylizer import Step, Stylizer

#: Each snapshot is taken at so many times the seconds of the one before.
_SPACING = 1.3
#: Seconds at which the loss is told.
TOLD_AT = (1, 5, 30)


class Snapshots:
    """Keeps pictures of a run, spaced evenly in the logarithm of time; to be given as `on_step`.

    A step's picture is the one it began with, so what is kept is late by one step, never early.
    """

    def __init__(self) -> None:
        self.taken: list[tuple[float, Tensor]] = []
        self.steps: list[tuple[float, float, int]] = []
        self._due = 0.0

    def __call__(self, step: Step) -> None:
        self.steps.append((step.seconds, step.total, max(step.size)))
        if step.image is not None and step.seconds >= self._due:
            self.taken.append((step.seconds, step.image))
            self._due = step.seconds * _SPACING


@torch.no_grad()
def trace(
    stylizer: Stylizer,
    snapshots: Snapshots,
    result: st.Stylization,
    pair: tuple[Tensor, Tensor],
    others: Mapping[str, Tensor],
    judge: Pair,
) -> dict[str, Any]:
    """Judge a run's snapshots, and the other methods' pictures with the same eyes.

    Args:
        stylizer: Whose run it was.
        snapshots: Taken during it.
        result: Its result.
        pair: Content and style, (1, 3, H, W) each.
        others: ``{method: picture}`` of feed-forward methods.
        judge: The judge, who has seen the pair.

    Returns:
        ``steps`` (seconds, the run's own loss, long edge), ``snapshots``, ``others``, ``at`` (values at 1, 5 and
        30 s) and ``until_better`` (seconds until the run's picture beat another method's), ready for JSON.
    """
    (content, style), device = pair, stylizer.extractor.device
    loss = stylizer.objective(content.to(device), style.to(device))
    size = (content.shape[2], content.shape[3])

    def measure(image: Tensor) -> dict[str, float | None]:
        full = resize(image.float().clamp(0, 1), size)
        verdict = judge(full)
        return {
            "objective": None if loss is None else loss(full.to(device)),
            "style_ratio": verdict.style_ratio,
            "content": verdict.content,
        }

    pictures = [*snapshots.taken, (result.seconds, result.image)]
    measured = [{"seconds": seconds, **measure(image)} for seconds, image in pictures]
    compared = {method: measure(image) for method, image in others.items()}
    return {
        "steps": [list(step) for step in snapshots.steps],
        "snapshots": measured,
        "others": compared,
        "at": {str(second): at(measured, second) for second in TOLD_AT},
        "until_better": {method: until_better(measured, other) for method, other in compared.items()},
    }


def at(measured: Sequence[Mapping[str, Any]], second: float) -> dict[str, float | None] | None:
    """Return the values at `second`, on a straight line between snapshots; after the end, those of the end.

    None before the first snapshot: there was no picture yet.
    """
    terms = ("objective", "style_ratio", "content")
    if second < measured[0]["seconds"]:
        return None
    for before, after in itertools.pairwise(measured):
        if before["seconds"] <= second < after["seconds"]:
            share = (second - before["seconds"]) / (after["seconds"] - before["seconds"])
            return {
                term: None if before[term] is None else before[term] + share * (after[term] - before[term])
                for term in terms
            }
    return {term: measured[-1][term] for term in terms}


def until_better(
    measured: Sequence[Mapping[str, Any]], other: Mapping[str, float | None]
) -> dict[str, float | None]:
    """Return the seconds of the first snapshot that beats `other`; None where none did.

    ``objective``: under the run's own loss at full size, which weighs content and style. ``style_ratio``: under
    the judge, style alone. ``both_terms``: the judge's style ratio and content figure, each no higher.
    """

    def first(better: Callable[[Mapping[str, Any]], bool]) -> float | None:
        return next((snapshot["seconds"] for snapshot in measured if better(snapshot)), None)

    theirs: Any = other
    return {
        "objective": None
        if theirs["objective"] is None
        else first(lambda s: s["objective"] < theirs["objective"]),
        "style_ratio": first(lambda s: s["style_ratio"] < theirs["style_ratio"]),
        "both_terms": first(
            lambda s: s["style_ratio"] <= theirs["style_ratio"] and s["content"] <= theirs["content"]
        ),
    }
