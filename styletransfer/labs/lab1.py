"""Lab 1: looking into VGG-19."""

from __future__ import annotations

from numbers import Real

import torch
from torch import Tensor, nn

from styletransfer.labs.exercise import Answer, Exercise, LabError, ask
from styletransfer.labs.properties import drawn


def _network(*, inplace: bool) -> nn.Sequential:
    made = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(inplace=inplace),
        nn.Conv2d(4, 4, 3, padding=1),
        nn.ReLU(inplace=inplace),
        nn.MaxPool2d(2),
    )
    for number, parameter in enumerate(made.parameters()):
        parameter.data = drawn(*parameter.shape, seed=number) - 0.5
    return made


@torch.no_grad()
def _outputs(x: Tensor) -> list[Tensor]:
    found = []
    for layer in _network(inplace=False):
        x = layer(x)
        found.append(x.clone())
    return found


def _compare(answer: Answer, wanted: list[int], *, inplace: bool, hint: str) -> None:
    x = drawn(1, 3, 8, 8)
    with torch.no_grad():
        got = ask(answer, _network(inplace=inplace), x, wanted)
    if not isinstance(got, dict) or sorted(got) != sorted(wanted):
        raise LabError(
            f"for wanted={wanted} it gives {sorted(got) if isinstance(got, dict) else type(got).__name__}; "
            "the result is a dict from each wanted index to the output of the layer at that index, counted from 0."
        )
    for index, expected in zip(wanted, (_outputs(x)[n] for n in wanted), strict=True):
        kept = got[index]
        if not isinstance(kept, Tensor):
            raise LabError(f"the output of layer {index} is a {type(kept).__name__}, wanted a tensor. {hint}")
        if kept.shape != expected.shape or not torch.allclose(kept, expected, atol=1e-5):
            raise LabError(f"the output of layer {index} is not what that layer gave. {hint}")


def _collects(answer: Answer) -> None:
    hint = "Each layer takes the output of the one before it; keep what comes out of it, not what goes in."
    _compare(answer, [0, 3, 4], inplace=False, hint=hint)


def _survives_in_place(answer: Answer) -> None:
    hint = "The next layer is a ReLU with inplace=True: it overwrote what you had kept, as torchvision's VGG does."
    _compare(answer, [0, 2], inplace=True, hint=hint)


_FIELDS = (
    ([(3, 1)], 3, "One 3x3 convolution sees 3 pixels."),
    ([(3, 1), (3, 1)], 5, "Neighbours see overlapping pixels: a second 3x3 adds 2, not 3."),
    ([(3, 1), (3, 1), (2, 2)], 6, "A 2x2 pooling adds 1 pixel; its stride counts for what comes after it."),
    ([(3, 1), (3, 1), (2, 2), (3, 1)], 10, "After a stride of 2, neighbours are 2 pixels apart: a 3x3 adds 4."),
    (
        [(3, 1), (2, 2), (3, 1), (2, 2), (3, 1)],
        18,
        "Strides multiply: after two of 2, neighbours are 4 pixels apart.",
    ),
)


def _sees(answer: Answer) -> None:
    for layers, wanted, hint in _FIELDS:
        got = ask(answer, list(layers))
        if not isinstance(got, Real):
            raise LabError(f"for {layers} it gives a {type(got).__name__}, wanted a number. {hint}")
        if got != wanted:
            raise LabError(f"for {layers} it gives {got!r}, wanted {wanted}. {hint}")


EXERCISES = (
    Exercise(
        "collect",
        1,
        "return {index: output} of some layers of a network: collect(layers, pictures, wanted).",
        (_collects, _survives_in_place),
    ),
    Exercise(
        "receptive_field",
        1,
        "return how many pixels one feature sees along a side, from [(kernel, stride), ...].",
        (_sees,),
    ),
)
