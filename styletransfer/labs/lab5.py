"""Lab 5: AdaIN and its decoder."""

from __future__ import annotations

import torch
from torch import Tensor

from styletransfer.functional import adain
from styletransfer.labs.exercise import Answer, Exercise, LabError, ask
from styletransfer.labs.properties import deviations, drawn, near, tensor


def _pair() -> tuple[Tensor, Tensor]:
    """Two contents and two styles, of which the second ones have other statistics than the first ones."""
    scale = torch.tensor([1.0, 2.0]).view(2, 1, 1, 1)
    return scale * drawn(2, 3, 4, 5), scale * (2 + 3 * drawn(2, 3, 7, 6, seed=1))


def _conventions(content: Tensor, style: Tensor) -> list[Tensor]:
    """Return the result with variances by H * W - 1 positions, as the package has them, and by H * W."""
    centred = content - content.mean((2, 3), keepdim=True)
    mean = style.mean((2, 3), keepdim=True)
    return [wide * centred / own + mean for own, wide in zip(deviations(content), deviations(style), strict=True)]


def _shape(answer: Answer) -> None:
    content, style = _pair()
    hint = "The result has the content's shape: it is the content's features that are moved."
    tensor(ask(answer, content, style), (2, 3, 4, 5), "the result", hint)


def _has_the_styles_statistics(answer: Answer) -> None:
    content, style = _pair()
    got = ask(answer, content, style)
    mean, wanted = (x.mean((2, 3), keepdim=True) for x in (got, style))
    without = float(mean.abs().max()) < 1e-3
    hint = (
        "What is added at the end?" if without else "Is the content's own mean gone before the style's is added?"
    )
    near(mean, wanted, "its mean", hint, 1e-3)
    hint = "Is the content's std divided out, and the style's multiplied in, both with the same divisor?"
    # Each convention is compared with itself: a ratio of deviations hardly depends on it.
    pairs = list(zip(deviations(got), deviations(style), strict=True))
    std, spread = min(pairs, key=lambda pair: float((pair[0] - pair[1]).abs().max()))
    near(std, spread, "its std", hint, 1e-2)


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
        raise LabError(
            "the gradient of a flat channel is NaN: a root has an infinite slope at 0. "
            "Where does the 1e-5 of lab 2 go?"
        )


def _known(answer: Answer) -> None:
    got = tensor(ask(answer, *_pair()), (2, 3, 4, 5), "the result", "It has the content's shape.")
    wanted = min(_conventions(*_pair()), key=lambda each: float((got - each).abs().max()))
    near(got, wanted, "the result", "Go through equation 8 term by term.", 1e-3)


# mix(content_features, target, alpha)


def _mixed_shape(answer: Answer) -> None:
    content, target = _pair()[0], adain(*_pair())
    tensor(ask(answer, content, target, 0.5), (2, 3, 4, 5), "the result", "Features keep their shape.")


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
        (_shape, _each_by_itself, _has_the_styles_statistics, _nothing_to_do, _flat, _known),
        {
            r"size of tensor": (
                "Means and deviations of the shape (B, C) meet features (B, C, h, w). Which argument of mean "
                "keeps the dimensions?"
            )
        },
    ),
    Exercise(
        "mix",
        5,
        "return features between the content's and the target's: mix(content_features, target, alpha).",
        (_mixed_shape, _ends, _between),
    ),
)
