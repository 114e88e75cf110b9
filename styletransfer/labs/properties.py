"""Properties of results that checks ask for, and inputs that are the same every time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from styletransfer.functional import EPSILON
from styletransfer.labs.exercise import Answer, LabError, ask


def tensor(result: Any, shape: tuple[int, ...], what: str, hint: str) -> Tensor:
    """Return a result that is a tensor of a shape.

    Raises:
        LabError: It is none.
    """
    if tuple(_a_tensor(result, what).shape) != shape:
        raise LabError(f"{what} has the shape {tuple(result.shape)}, wanted {shape}. {hint}")
    return result  # type: ignore[no-any-return]


def _a_tensor(result: Any, what: str) -> Tensor:
    if isinstance(result, Tensor):
        return result
    kind = type(result).__name__
    if type(result).__module__ == "numpy":
        raise LabError(
            f"{what} is to be a tensor, got numpy's {kind}. Stay with tensors: numpy knows no gradients."
        )
    if isinstance(result, (list, tuple)):
        raise LabError(
            f"{what} is to be one tensor, got a {kind} of {len(result)}. Put them together, or return one."
        )
    raise LabError(f"{what} is to be a tensor, got a {kind}.")


def scalar(result: Any, hint: str = "A loss is one number: reduce over everything.") -> Tensor:
    """Return a result that is one number in a tensor.

    Raises:
        LabError: It is none, or cannot be differentiated.
    """
    if isinstance(result, float):
        raise LabError("it gives a plain number. Nothing can be differentiated through .item() or float(...).")
    return tensor(result, (), "the loss", hint)


def near(got: Any, wanted: Tensor | float, what: str, hint: str, tolerance: float = 1e-4) -> None:
    """Compare numbers.

    Raises:
        LabError: They differ by more than `tolerance`, or are no tensor of the wanted shape.
    """
    numbers = _a_tensor(got, what).detach().double()
    expected = torch.as_tensor(wanted).detach().double()
    if expected.dim() and expected.shape != numbers.shape:
        raise LabError(f"{what} has the shape {tuple(numbers.shape)}, wanted {tuple(expected.shape)}. {hint}")
    if not bool(torch.isfinite(numbers).all()):
        raise LabError(f"{what} is not finite. {hint}")
    if float((numbers - expected).abs().max()) > tolerance:
        some, asked = (", ".join(f"{x:.4g}" for x in each.flatten()[:4].tolist()) for each in (numbers, expected))
        raise LabError(f"{what} is {some}, wanted {asked}. {hint}")


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Return numbers between 0 and 1, the same every time."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def deviations(features: Tensor, *, epsilon: float = EPSILON) -> tuple[Tensor, Tensor]:
    """Return the standard deviation of each channel in both conventions: by H * W - 1 positions, and by H * W.

    The package and pytorch-AdaIN have the first; the second is equation 6 of Huang and Belongie (2017).
    """
    one, other = (features.var((2, 3), correction=c, keepdim=True) for c in (1, 0))
    return (one + epsilon).sqrt(), (other + epsilon).sqrt()


def differentiable(answer: Answer, *inputs: Tensor) -> None:
    """Check that a gradient reaches the first input and agrees with finite differences.

    Raises:
        LabError: It does not.
    """
    first = inputs[0].double().requires_grad_()
    others = [x.double() for x in inputs[1:]]
    value = scalar(ask(answer, first, *others))
    if not value.requires_grad:
        raise LabError(
            "no gradient reaches its input. .detach(), .item(), .numpy() and torch.no_grad() cut it off."
        )
    (gradient,) = torch.autograd.grad(value, first)
    direction = drawn(*first.shape, seed=9).double() - 0.5
    step = 1e-5
    with torch.no_grad():
        ahead, behind = (float(ask(answer, first + sign * step * direction, *others)) for sign in (1, -1))
    slope = (ahead - behind) / (2 * step)
    if abs(float((gradient * direction).sum()) - slope) > 1e-4 * max(1.0, abs(slope)):
        raise LabError(
            f"its gradient along a direction is {float((gradient * direction).sum()):.5g}, finite differences say "
            f"{slope:.5g}. Is a part of it detached?"
        )
