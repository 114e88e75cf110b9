"""Lab 5: AdaIN and its decoder."""

from __future__ import annotations

import torch
from torch import Tensor

from styletransfer.functional import adain, channel_stats
from styletransfer.labs.exercise import Answer, Exercise, LabError, ask, drawn, near, tensor


def _pair() -> tuple[Tensor, Tensor]:
    return drawn(2, 3, 4, 5), 2 + 3 * drawn(2, 3, 7, 6, seed=1)


def _shape(answer: Answer) -> None:
    content, style = _pair()
    hint = "The result has the content's shape: it is the content's features that are moved."
    tensor(ask(answer, content, style), (2, 3, 4, 5), "the result", hint)


def _has_the_styles_statistics(answer: Answer) -> None:
    content, style = _pair()
    got = channel_stats(ask(answer, content, style))
    near(got[0], channel_stats(style)[0], "its mean", "Add the style's mean at the end.", 1e-3)
    near(got[1], channel_stats(style)[1], "its std", "Divide by the content's std, multiply by the style's.", 1e-2)


def _each_by_itself(answer: Answer) -> None:
    content, style = _pair()
    hint = "Statistics are those of each channel of each picture, over height and width: not of the whole batch."
    near(ask(answer, content, style)[:1], ask(answer, content[:1], style[:1]), "the first of two", hint)


def _nothing_to_do(answer: Answer) -> None:
    content, _ = _pair()
    near(
        ask(answer, content, content.clone()),
        content,
        "features in their own style",
        "Nothing is to change.",
        1e-3,
    )


def _flat(answer: Answer) -> None:
    content = torch.ones(1, 2, 3, 3, requires_grad=True)
    got = ask(answer, content, drawn(1, 2, 3, 3))
    if not bool(torch.isfinite(got).all()):
        raise LabError(
            "a flat channel gives infinite numbers: its std is 0. Where does the 1e-5 of channel_stats go?"
        )
    (gradient,) = torch.autograd.grad(got.sum(), content)
    if not bool(torch.isfinite(gradient).all()):
        raise LabError("the gradient of a flat channel is NaN. Add 1e-5 to the variance, before the root.")


def _known(answer: Answer) -> None:
    near(ask(answer, *_pair()), adain(*_pair()), "the result", "std(s) (c - mean(c)) / std(c) + mean(s).", 1e-3)


# mix(content_features, target, alpha)


def _ends(answer: Answer) -> None:
    content, target = _pair()[0], adain(*_pair())
    near(ask(answer, content, target, 0.0), content, "alpha 0", "It is the content's features.")
    near(ask(answer, content, target, 1.0), target, "alpha 1", "It is the target's features.")


def _between(answer: Answer) -> None:
    content, target = _pair()[0], adain(*_pair())
    hint = "Equation 14: alpha of the target and 1 - alpha of the content."
    near(ask(answer, content, target, 0.25), 0.75 * content + 0.25 * target, "alpha 0.25", hint)


EXERCISES = (
    Exercise(
        "adain",
        5,
        "give content features (B, C, h, w) the channel statistics of style features (B, C, H, W).",
        (_shape, _has_the_styles_statistics, _each_by_itself, _nothing_to_do, _flat, _known),
    ),
    Exercise(
        "mix",
        5,
        "return features between the content's and the target's: mix(content_features, target, alpha).",
        (_ends, _between),
    ),
)
