"""Lab 4: Gatys end to end."""

from __future__ import annotations

import torch
from torch import Tensor

from styletransfer.functional import gram_matrix
from styletransfer.labs.exercise import Answer, Exercise, LabError, ask, drawn, near, scalar

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
    features = _layers()
    targets = _targets({layer: drawn(*x.shape, seed=7) for layer, x in features.items()})
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


# descend(loss, start, steps, learning_rate)


def _bowl(center: Tensor) -> Answer:
    return lambda x: (x - center).square().sum()


def _run(answer: Answer, **options: object) -> tuple[Tensor, list[float]]:
    center = torch.full((1, 3, 4, 4), 0.7)
    start = torch.full((1, 3, 4, 4), 0.2)
    result = ask(answer, _bowl(center), start, **{"steps": 50, "learning_rate": 0.05, **options})
    if not isinstance(result, (tuple, list)) or len(result) != 2 or not isinstance(result[0], Tensor):
        raise LabError("it is to return two things: the picture, and the list of losses.")
    picture, losses = result
    return picture, [loss.item() if isinstance(loss, Tensor) else float(loss) for loss in losses]


def _history(answer: Answer) -> None:
    _, losses = _run(answer)
    if len(losses) != 50:
        raise LabError(
            f"it took {len(losses)} losses for 50 steps. Append one in each step, before the step is taken."
        )
    if not losses[-1] < losses[0]:
        raise LabError(
            f"the loss went from {losses[0]:.4g} to {losses[-1]:.4g}. Is the picture what the optimiser "
            "was given, "
            "with requires_grad=True? Is backward called before step, and zero_grad in every step?"
        )


def _arrives(answer: Answer) -> None:
    picture, losses = _run(answer)
    hint = "Gradients add up in .grad until they are set to zero: is zero_grad called in every step? Use Adam."
    near(picture, torch.full_like(picture, 0.7), "the picture after 50 steps towards 0.7", hint, 0.1)
    if picture.requires_grad:
        raise LabError("the picture still requires a gradient. Return it detached.")
    if losses[-1] > 0.1 * losses[0]:
        raise LabError(f"the loss only fell from {losses[0]:.4g} to {losses[-1]:.4g}. {hint}")


def _stays_in_range(answer: Answer) -> None:
    far = torch.full((1, 3, 4, 4), 3.0)
    picture, _ = ask(answer, _bowl(far), torch.full((1, 3, 4, 4), 0.5), steps=60, learning_rate=0.05)
    if float(picture.max()) > 1 + 1e-6:
        raise LabError(f"a pixel became {float(picture.max()):.3g}. Clamp the picture to [0, 1], after each step.")


EXERCISES = (
    Exercise(
        "style_loss",
        4,
        "return the mean over layers of the mean squared difference of Gram matrices: "
        "style_loss(features, targets), where features are {layer: (B, C, H, W)} and targets {layer: (B, C, C)}.",
        (_its_own_style, _every_layer, _order_of_layers, _style_known),
    ),
    Exercise(
        "descend",
        4,
        "move a copy of start by Adam: descend(loss, start, steps, learning_rate) returns (picture, losses).",
        (_history, _arrives, _stays_in_range),
    ),
)
