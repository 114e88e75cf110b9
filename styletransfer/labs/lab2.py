"""Lab 2: losses from scratch."""

from __future__ import annotations

import torch
from torch import Tensor

from styletransfer.functional import gram_matrix, total_variation
from styletransfer.labs.exercise import Answer, Exercise, LabError, ask
from styletransfer.labs.properties import deviations, differentiable, drawn, near, scalar, tensor


def _twice(x: Tensor) -> Tensor:
    return torch.cat([x, x], dim=3)


# content_loss(features, target)


def _is_one_number(answer: Answer) -> None:
    scalar(ask(answer, drawn(1, 4, 5, 6), drawn(1, 4, 5, 6, seed=1)))


def _is_0_for_the_same(answer: Answer) -> None:
    x = drawn(1, 4, 5, 6)
    near(ask(answer, x, x.clone()), 0.0, "the loss of features and themselves", "Compare the two.", 1e-7)


def _knows_a_square(answer: Answer) -> None:
    got = ask(answer, torch.full((1, 2, 3, 3), 0.5), torch.zeros(1, 2, 3, 3))
    if abs(float(got) - 0.5) < 1e-5:
        raise LabError("the loss of a difference of 0.5 is 0.5, wanted 0.25. Differences are squared.")
    if abs(float(got) - 0.25 * 18) < 1e-4:
        raise LabError("it is the sum of the squares. Take their mean, so that pictures of any size compare.")
    near(got, 0.25, "the loss of a difference of 0.5", "It is the mean of the squared differences.")


def _does_not_grow_with_size(answer: Answer) -> None:
    x, y = drawn(1, 4, 5, 6), drawn(1, 4, 5, 6, seed=1)
    hint = "It grows with the picture: take the mean, not the sum."
    near(ask(answer, _twice(x), _twice(y)), ask(answer, x, y), "the loss of a picture set beside itself", hint)


def _is_symmetric(answer: Answer) -> None:
    x, y = drawn(1, 4, 5, 6), drawn(1, 4, 5, 6, seed=1)
    near(ask(answer, x, y), ask(answer, y, x), "the loss of the two exchanged", "A distance has no direction.")


def _is_the_mean_of_squares(answer: Answer) -> None:
    x, y = drawn(2, 3, 4, 5), drawn(2, 3, 4, 5, seed=1)
    hint = "Square each difference, then take the mean of all of them, those of every picture of the batch."
    near(ask(answer, x, y), (x - y).square().mean(), "the loss of two batches of noise", hint, 1e-6)


def _has_a_gradient(answer: Answer) -> None:
    differentiable(answer, drawn(1, 2, 3, 4), drawn(1, 2, 3, 4, seed=1))


# gram_matrix(features)


def _gram_shape(answer: Answer) -> None:
    hint = (
        "A Gram matrix has one row and one column for each channel, and one matrix for each picture of the batch."
    )
    tensor(ask(answer, drawn(2, 3, 4, 5)), (2, 3, 3), "the Gram matrix", hint)


def _gram_symmetric(answer: Answer) -> None:
    got = ask(answer, drawn(2, 3, 4, 5))
    near(got, got.mT, "the transposed matrix", "Entry (i, j) is the same product as (j, i).")
    if float(torch.linalg.eigvalsh(got.double()).min()) < -1e-5:
        raise LabError("it has a negative eigenvalue. A Gram matrix is F times its own transpose.")


def _gram_shuffled(answer: Answer) -> None:
    x = drawn(1, 3, 4, 5)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    mixed = x.flatten(2)[:, :, order].view_as(x)
    hint = (
        "Where a feature stands must not matter. Is a reshape in the wrong order? Each row of F is one channel: "
        "flatten height and width of (B, C, H, W), never channels with them."
    )
    near(ask(answer, mixed), ask(answer, x), "the Gram matrix of shuffled positions", hint)


def _gram_separate(answer: Answer) -> None:
    x = drawn(2, 3, 4, 5)
    hint = "The pictures of a batch are mixed with each other. Keep the batch in front, and use bmm or @."
    near(ask(answer, x)[:1], ask(answer, x[:1]), "the first of two pictures' matrices", hint)


def _gram_known(answer: Answer) -> None:
    x = drawn(2, 3, 4, 5)
    got, wanted = ask(answer, x), gram_matrix(x)
    ratio = float(got.mean() / wanted.mean())
    named = {60: "C * H * W", 20: "H * W, but not by C", 3: "C, but not by H * W"}
    for factor, missing in ((60, named[60]), (3, "C too"), (20, "H * W too")):
        if abs(ratio - factor) < 1e-3 * factor:
            raise LabError(
                f"it is {factor} times too large. Divide by {missing}: else layers and sizes do not compare."
            )
    near(
        got,
        wanted,
        "the Gram matrix",
        "Compare with the formula of G in the text: what is summed, what is it divided by?",
    )


def _gram_gradient(answer: Answer) -> None:
    differentiable(lambda x: ask(answer, x).square().sum(), drawn(1, 3, 3, 4))


# channel_stats(features)


def _pair(result: object, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise LabError("it is to return two tensors: mean, std.")
    hint = "One number for each channel of each picture; keepdim=True lets it be subtracted from the features."
    mean, std = (tensor(x, shape, name, hint) for x, name in zip(result, ("the mean", "the std"), strict=True))
    return mean, std


def _stats_shape(answer: Answer) -> None:
    _pair(ask(answer, drawn(2, 3, 4, 5)), (2, 3, 1, 1))


def _stats_known(answer: Answer) -> None:
    x = drawn(2, 3, 4, 5)
    mean, std = _pair(ask(answer, x), (2, 3, 1, 1))
    near(
        mean,
        x.mean((2, 3), keepdim=True),
        "the mean",
        "Average over height and width, for each channel of each picture.",
    )
    if any(_agree(std, each.square(), 1e-3) for each in deviations(x)):
        raise LabError("std is the variance. Take its root.")
    wanted = _nearest(std, deviations(x))
    hint = "It is the root of the variance over height and width, each channel by itself."
    near(std, wanted, "the std", hint, 1e-3)


def _stats_faint(answer: Answer) -> None:
    """Features that hardly vary show what is added to the variance."""
    x = drawn(2, 3, 4, 5) / 100
    _, std = _pair(ask(answer, x), (2, 3, 1, 1))
    if any(_agree(std, each, 1e-4) for each in deviations(x, epsilon=0.0)):
        raise LabError("features that hardly vary show that 1e-5 is missing, or was added after the root.")
    hint = "Faint features show how much is added to the variance, and where: 1e-5, before the root."
    near(std, _nearest(std, deviations(x)), "the std of faint features", hint, 1e-5)


def _agree(got: Tensor, wanted: Tensor, tolerance: float) -> bool:
    return float((got - wanted).abs().max()) < tolerance


def _nearest(got: Tensor, conventions: tuple[Tensor, Tensor]) -> Tensor:
    """Return the convention that an answer has: positions less one, or all positions."""
    return min(conventions, key=lambda each: float((got - each).abs().max()))


def _stats_flat(answer: Answer) -> None:
    x = torch.ones(1, 2, 3, 3, requires_grad=True)
    _, std = _pair(ask(answer, x), (1, 2, 1, 1))
    (gradient,) = torch.autograd.grad(std.sum(), x)
    if not bool(torch.isfinite(gradient).all()):
        raise LabError(
            "the gradient of a flat channel is NaN: a root has an infinite slope at 0. Where does 1e-5 go?"
        )


# total_variation(pictures)


def _smooth_is_0(answer: Answer) -> None:
    got = tensor(ask(answer, torch.full((2, 3, 4, 5), 0.7)), (2,), "the result", "One number for each picture.")
    near(got, 0.0, "the variation of a flat picture", "Only neighbours are compared.", 1e-7)


def _both_directions(answer: Answer) -> None:
    stripes = torch.zeros(1, 3, 4, 6)
    stripes[..., ::2] = 1
    across, down = ask(answer, stripes), ask(answer, stripes.mT.contiguous())
    if float(across) < 1e-6 or float(down) < 1e-6:
        raise LabError(
            f"vertical stripes give {float(across):.3g}, horizontal ones {float(down):.3g}. Compare each "
            "pixel with "
            "the one beside it and with the one below it."
        )
    near(across, down, "vertical stripes against horizontal ones", "Both directions count the same.")
    if abs(float(across) - 1) < 1e-5:
        raise LabError("it is twice as large: the mean of the two directions is wanted, not their sum.")
    near(
        across,
        0.5,
        "the variation of stripes one pixel wide",
        "It is the mean of both directions' mean differences.",
    )


def _no_wrapping(answer: Answer) -> None:
    ramp = torch.linspace(0, 1, 6).expand(1, 3, 4, 6).clone()
    hint = "Does it compare the last pixel with the first one? torch.roll wraps around; slices do not."
    near(ask(answer, ramp), 0.1, "the variation of a ramp from 0 to 1 over 6 pixels", hint)


def _variation_known(answer: Answer) -> None:
    x = drawn(2, 3, 5, 7)
    hint = "Take the mean absolute difference for each direction by itself, then their mean."
    near(ask(answer, x), total_variation(x), "the variation of noise", hint)


def _variation_gradient(answer: Answer) -> None:
    differentiable(lambda x: ask(answer, x).sum(), drawn(1, 3, 3, 4, seed=1))


EXERCISES = (
    Exercise(
        "content_loss",
        2,
        "return the mean squared difference of two tensors of features.",
        (
            _is_one_number,
            _is_0_for_the_same,
            _knows_a_square,
            _does_not_grow_with_size,
            _is_symmetric,
            _is_the_mean_of_squares,
            _has_a_gradient,
        ),
    ),
    Exercise(
        "gram_matrix",
        2,
        "return the Gram matrices (B, C, C) of features (B, C, H, W), divided by C * H * W.",
        (_gram_shape, _gram_symmetric, _gram_separate, _gram_shuffled, _gram_known, _gram_gradient),
    ),
    Exercise(
        "channel_stats",
        2,
        "return mean and standard deviation of each channel, (B, C, 1, 1) each, with 1e-5 inside the root.",
        (_stats_shape, _stats_known, _stats_faint, _stats_flat),
    ),
    Exercise(
        "total_variation",
        2,
        "return the mean absolute difference of neighbouring pixels, (B,), the mean of both directions.",
        (_smooth_is_0, _both_directions, _no_wrapping, _variation_known, _variation_gradient),
    ),
)
