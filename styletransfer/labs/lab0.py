"""Lab 0: what networks expect of pictures."""

from __future__ import annotations

import torch

from styletransfer.labs.exercise import Answer, Exercise, LabError, ask
from styletransfer.labs.properties import drawn, near, tensor

_MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
_STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


def _keeps_the_shape(answer: Answer) -> None:
    result = ask(answer, drawn(2, 3, 4, 5))
    tensor(result, (2, 3, 4, 5), "the result", "Mean and deviation are one number for each channel: (1, 3, 1, 1).")


def _centres(answer: Answer) -> None:
    grey = _MEAN.expand(1, 3, 2, 2).clone()
    got = ask(answer, grey)
    if float(got.abs().max()) < 1e-4:
        return
    if (
        float(ask(answer, grey.flip(1)).flip(1).abs().max()) < 1e-4
        or float((got - (grey - _MEAN.flip(1)) / _STD.flip(1)).abs().max()) < 1e-4
    ):
        raise LabError("red and blue are exchanged. The means stand in the order red, green, blue.")
    if float((got - (grey / 255 - _MEAN) / _STD).abs().max()) < 1e-3:
        raise LabError("it divides by 255, but these pictures are in [0, 1] already.")
    near(got, 0.0, "ImageNet's mean colour", "It is to become 0: subtract the mean (0.485, 0.456, 0.406).")


def _scales(answer: Answer) -> None:
    bright = (_MEAN + _STD).expand(1, 3, 2, 2).clone()
    hint = "After subtracting, divide by the deviation (0.229, 0.224, 0.225) of each channel."
    near(ask(answer, bright), 1.0, "a colour one deviation above the mean", hint)


def _known(answer: Answer) -> None:
    x = drawn(2, 3, 4, 5, seed=1)
    hint = "Every number of a picture is treated by the mean and the deviation of its channel, and not rounded."
    near(ask(answer, x), (x - _MEAN) / _STD, "a batch of noise", hint)


EXERCISES = (
    Exercise(
        "normalize",
        0,
        "bring pictures (B, 3, H, W), RGB in [0, 1], to ImageNet's mean and deviation.",
        (_keeps_the_shape, _centres, _scales, _known),
        {
            r"size of tensor": (
                "Three numbers (3,) meet the last dimension of (B, 3, H, W), which is the width. Which shape puts "
                "them at the channels?"
            )
        },
    ),
)
