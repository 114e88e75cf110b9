"""Lab 3: inversion and texture."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from styletransfer.labs.exercise import Answer, Exercise, LabError, ask
from styletransfer.labs.properties import drawn, tensor

_STEPS, _RATE = 40, 0.05


def _features_of(pictures: Tensor) -> Tensor:
    """A small network: it blurs, and halves the picture."""
    return F.avg_pool2d(F.avg_pool2d(pictures, 3, stride=1, padding=1), 2)


def _run(answer: Answer, start: Tensor) -> Tensor:
    target = _features_of(drawn(1, 3, 12, 16))
    picture = ask(answer, _features_of, target, start, _STEPS, _RATE)
    return tensor(picture, (1, 3, 12, 16), "the picture", "Return the picture, not its features or its loss.")


def _distance(picture: Tensor) -> float:
    return float((_features_of(picture) - _features_of(drawn(1, 3, 12, 16))).square().mean())


def _comes_near(answer: Answer) -> None:
    start = torch.full((1, 3, 12, 16), 0.5)
    picture = _run(answer, start)
    before, after = _distance(start), _distance(picture)
    if torch.equal(picture, start):
        raise LabError("the picture is the start. Is it what the optimiser was given, with requires_grad=True?")
    if not after <= 0.2 * before:  # neither is one that is not a number
        raise LabError(
            f"the features' distance to the target went from {before:.4f} to {after:.4f}. Compare features, not "
            "pictures; call backward and step in every step, and set gradients to zero before."
        )
    if picture.requires_grad:
        raise LabError("the picture still requires a gradient. Return it detached.")


def _stays_in_range(answer: Answer) -> None:
    picture = _run(answer, drawn(1, 3, 12, 16, seed=5))
    if float(picture.min()) < -1e-6 or float(picture.max()) > 1 + 1e-6:
        raise LabError("pixels leave [0, 1]. Clamp the picture after each step.")


def _keeps_what_is_not_seen(answer: Answer) -> None:
    """What features do not show stays what it was in the start."""
    one, other = (_run(answer, drawn(1, 3, 12, 16, seed=seed)) for seed in (5, 6))
    if float((one - other).abs().mean()) < 1e-3:
        raise LabError(
            "two starts lead to the same picture. Begin with a copy of start, not with a picture of your own."
        )


def _one_step(answer: Answer, rate: float) -> float:
    start = 0.4 + drawn(1, 3, 12, 16, seed=7) / 5
    picture = ask(answer, _features_of, _features_of(drawn(1, 3, 12, 16)), start.clone(), 1, rate)
    return float((picture - start).abs().max())


def _goes_by_steps_and_rate(answer: Answer) -> None:
    """Adam's first step moves no number by more than the learning rate."""
    small, large = _one_step(answer, 0.02), _one_step(answer, 0.1)
    if small < 1e-6:
        raise LabError("one step leaves the start as it is. Does the loop take as many steps as it is asked for?")
    if small > 0.021 or large > 0.105:
        raise LabError(
            f"one step of Adam at the rate 0.02 moves a pixel by {small:.3f}. Take exactly so many steps, from a "
            "copy of start, at the learning rate that is given."
        )
    if large < 2 * small:
        raise LabError("five times the learning rate makes no longer step. Is the argument used?")


EXERCISES = (
    Exercise(
        "invert",
        3,
        "find a picture with given features by Adam, from a copy of start: "
        "invert(features_of, target, start, steps, learning_rate).",
        (_comes_near, _stays_in_range, _keeps_what_is_not_seen, _goes_by_steps_and_rate),
        {r"size of tensor": "The target consists of features: what is features_of for?"},
    ),
)
