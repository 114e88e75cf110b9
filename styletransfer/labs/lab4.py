"""Lab 4: Gatys end to end."""

from __future__ import annotations

from numbers import Real
from typing import Any

import torch
from torch import Tensor

from styletransfer.functional import gram_matrix
from styletransfer.labs.exercise import Answer, Exercise, LabError, ask
from styletransfer.labs.properties import drawn, near, scalar

# style_loss(features, targets)


def _layers() -> dict[str, Tensor]:
    return {"relu1_1": drawn(1, 3, 6, 6), "relu2_1": drawn(1, 5, 3, 3, seed=1)}


def _targets(features: dict[str, Tensor]) -> dict[str, Tensor]:
    return {layer: gram_matrix(x) for layer, x in features.items()}


def _its_own_style(answer: Answer) -> None:
    features = _layers()
    got = scalar(ask(answer, features, _targets(features)))
    near(got, 0.0, "the loss of features against their own Gram matrices", "Compare Gram matrices.", 1e-9)


def _every_layer(answer: Answer) -> None:
    features = _layers()
    for layer in features:
        changed = {**features, layer: 2 * features[layer]}
        if float(ask(answer, changed, _targets(features))) < 1e-6:
            raise LabError(f"a change of {layer} alone does not change the loss. Go through every layer.")


def _order_of_layers(answer: Answer) -> None:
    # As many channels in both, so that pairs by place are wrong without an exception.
    features = {"relu1_1": drawn(1, 3, 6, 6), "relu2_1": 4 * drawn(1, 3, 3, 3, seed=1)}
    targets = _targets({layer: x.flip(1, 2) for layer, x in features.items()})
    turned = dict(reversed(targets.items()))
    hint = "Take layers by their names, not by their places in the dict."
    near(
        ask(answer, features, turned),
        ask(answer, features, targets),
        "the loss with the layers in another order",
        hint,
    )


def _style_known(answer: Answer) -> None:
    features = _layers()
    targets = {layer: torch.zeros_like(gram_matrix(x)) for layer, x in features.items()}
    each = [gram_matrix(x).square().mean() for x in features.values()]
    got = ask(answer, features, targets)
    if abs(float(got) - float(sum(each))) < 1e-6:
        raise LabError(
            "it is the sum over the layers. Take their mean, so that another layer does not add weight."
        )
    hint = "It is the mean over the layers of the mean squared difference of the Gram matrices."
    near(got, sum(each) / len(each), "the style loss", hint, 1e-6)


def _style_gradient(answer: Answer) -> None:
    features = {layer: x.requires_grad_() for layer, x in _layers().items()}
    targets = {layer: torch.zeros_like(gram_matrix(x.detach())) for layer, x in features.items()}
    if not scalar(ask(answer, features, targets)).requires_grad:
        raise LabError("no gradient reaches the features, so no picture could follow it. Is a part detached?")


# descend(loss, start, steps, learning_rate)


class _Watched:
    """A loss that keeps each picture that it is asked about."""

    def __init__(self, loss: Answer) -> None:
        self.loss = loss
        self.seen: list[Tensor] = []

    def __call__(self, picture: Tensor) -> Tensor:
        self.seen.append(picture.detach().clone())
        value: Tensor = self.loss(picture)
        return value


def _bowl(center: float) -> _Watched:
    return _Watched(lambda picture: (picture - center).square().sum())


def _run(
    answer: Answer, loss: Answer, begin: float = 0.2, *, steps: int = 50, learning_rate: float = 0.05
) -> tuple[Tensor, list[float]]:
    start = torch.full((1, 3, 4, 4), begin)
    result = ask(answer, loss, start, steps=steps, learning_rate=learning_rate)
    if not isinstance(result, (tuple, list)) or len(result) != 2 or not isinstance(result[0], Tensor):
        raise LabError("it is to return two things: the picture, a tensor, and the list of losses.")
    picture, losses = result
    if picture.shape != start.shape:
        raise LabError(
            f"the picture has the shape {tuple(picture.shape)}, wanted that of start, {tuple(start.shape)}."
        )
    return picture, _numbers(losses)


def _numbers(losses: Any) -> list[float]:
    if isinstance(losses, (Real, str)) or not hasattr(losses, "__len__") or not hasattr(losses, "__iter__"):
        raise LabError(
            f"the second result is a {type(losses).__name__}, wanted the list of the losses of all steps."
        )
    for loss in losses:
        if isinstance(loss, Tensor) and loss.requires_grad:
            raise LabError(
                "losses are kept as tensors, each with all that it was computed from: memory fills. Keep numbers."
            )
        if not isinstance(loss, (Real, Tensor)) or (isinstance(loss, Tensor) and loss.numel() != 1):
            raise LabError(f"the list of losses has a {type(loss).__name__} in it, wanted numbers.")
    return [float(loss) for loss in losses]


def _history(answer: Answer) -> None:
    _, losses = _run(answer, _bowl(0.7))
    if len(losses) != 50:
        raise LabError(f"it took {len(losses)} losses for 50 steps. Keep one in each step.")
    if not losses[-1] < losses[0]:
        raise LabError(
            f"the loss went from {losses[0]:.4g} to {losses[-1]:.4g}. Is the picture what the optimiser "
            "was given, with requires_grad=True? Is backward called before step, and zero_grad in every step?"
        )


def _begins_with_the_start(answer: Answer) -> None:
    loss = _bowl(0.7)
    _, losses = _run(answer, loss, steps=5)
    if not torch.allclose(loss.seen[0], torch.full((1, 3, 4, 4), 0.2), atol=1e-5):
        raise LabError("the first picture that the loss is asked about is not the start. Begin with a copy of it.")
    first = 0.5**2 * 48  # of the start: 48 numbers that are 0.5 away
    if abs(losses[0] - first) > 1e-3:
        raise LabError(
            f"the first loss is {losses[0]:.4g}, wanted the start's, {first:.4g}: it was measured after the step. "
            "Keep the loss that the step is computed from."
        )


def _steps_as_adam(answer: Answer) -> None:
    """Against a constant gradient, each of Adam's steps moves each pixel by the learning rate."""
    slopes = torch.logspace(-1, 1, 48).view(1, 3, 4, 4)
    moved = {}
    for rate in (0.05, 0.02):
        picture, _ = _run(answer, lambda x: (slopes * x).sum(), 0.5, steps=3, learning_rate=rate)
        moved[rate] = (0.5 - picture.detach()).flatten()
    if torch.allclose(moved[0.05], moved[0.02], atol=1e-4):
        raise LabError("a learning rate of 0.02 moves the picture as far as 0.05. Is learning_rate used?")
    low, high = float(moved[0.05].min()), float(moved[0.05].max())
    if high - low > 0.01:
        raise LabError(
            f"three steps moved pixels by {low:.3g} to {high:.3g}, more where the gradient is larger. "
            "Adam divides by the gradient's own size, so that all move alike: is the optimiser Adam?"
        )
    if 2.8 * 0.05 < high < 2.96 * 0.05:
        raise LabError("gradients add up in .grad until they are set to zero: is zero_grad called in every step?")
    if abs(high - 0.15) > 2e-3:
        raise LabError(
            f"three steps at a learning rate of 0.05 moved pixels by {high:.3g}, wanted 0.15. Is the optimiser "
            "Adam with its defaults, is one step taken for each loss, and does the optimiser still have the "
            "picture that the loss is asked about?"
        )


def _arrives(answer: Answer) -> None:
    loss = _bowl(0.7)
    picture, losses = _run(answer, loss)
    hint = "Are gradients set to zero in every step?"
    near(picture, torch.full_like(picture, 0.7), "the picture after 50 steps towards 0.7", hint, 0.1)
    if picture.requires_grad:
        raise LabError("the picture still requires a gradient. Return it detached.")
    if losses[-1] > 0.1 * losses[0]:
        raise LabError(f"the loss only fell from {losses[0]:.4g} to {losses[-1]:.4g}. {hint}")
    if max(float(seen.max()) for seen in loss.seen) < 0.72:
        raise LabError(
            "it never goes past 0.7 on its way there; Adam does, since it remembers the steps before. Is one "
            "optimiser used for all steps?"
        )


def _stays_in_range(answer: Answer) -> None:
    loss = _bowl(3.0)
    picture, _ = _run(answer, loss, 0.5, steps=60)
    if float(picture.max()) > 1 + 1e-6:
        raise LabError(f"a pixel became {float(picture.max()):.3g}. Clamp the picture to [0, 1], after each step.")
    farthest = max(float(seen.max()) for seen in loss.seen)
    if farthest > 1 + 1e-6:
        raise LabError(
            f"the loss was asked about a picture with a pixel of {farthest:.3g}: it is clamped at the end only. "
            "The descent then follows colours that do not exist. Clamp after each step."
        )


EXERCISES = (
    Exercise(
        "style_loss",
        4,
        "return the mean over layers of the mean squared difference of Gram matrices: "
        "style_loss(features, targets), where features are {layer: (B, C, H, W)} and targets {layer: (B, C, C)}.",
        (_its_own_style, _every_layer, _order_of_layers, _style_known, _style_gradient),
        {
            r"size of tensor|different to the input size": (
                "Features (B, C, H, W) are compared with Gram matrices (B, C, C), or two layers with each other. "
                "What do the targets hold, and under which name?"
            )
        },
    ),
    Exercise(
        "descend",
        4,
        "move a copy of start by Adam: descend(loss, start, steps, learning_rate) returns (picture, losses), with "
        "the loss before each step as a number.",
        (_history, _begins_with_the_start, _steps_as_adam, _arrives, _stays_in_range),
    ),
)
