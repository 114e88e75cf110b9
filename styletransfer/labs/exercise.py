"""An exercise and its checks: properties that a right answer has, each with a hint for those that lack it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from styletransfer.errors import StyleTransferError

Answer = Callable[..., Any]
#: Calls an answer and raises `LabError` if it lacks a property.
Check = Callable[[Answer], None]


class LabError(StyleTransferError):
    """An answer that is not right yet; the message says what it did, what is wanted, and hints at the way."""

    def _render_traceback_(self) -> list[str]:
        """Show notebooks the message alone: the fault is not where the check stands."""
        return [f"Not yet. {self}"]


@dataclass(frozen=True)
class Exercise:
    """What is to be written.

    Attributes:
        name: Of the function.
        lab: Number of its lab.
        task: One sentence.
        checks: In the order in which they are tried.
    """

    name: str
    lab: int
    task: str
    checks: tuple[Check, ...]

    def check(self, answer: Answer) -> None:
        """Try every check.

        Raises:
            LabError: The first that fails.
        """
        if not callable(answer):
            raise LabError(f"{self.name} is to be a function, got a {type(answer).__name__}: {self.task}")
        for each in self.checks:
            try:
                each(answer)
            except LabError as problem:
                raise LabError(f"{self.name}: {problem}") from problem.__cause__
            except NotImplementedError:
                raise LabError(f"{self.name} is not written yet. Your task: {self.task}") from None


def ask(answer: Answer, *inputs: Any, **named: Any) -> Any:
    """Call an answer; what it raises, and what it does to its inputs, is told.

    Raises:
        LabError: It raised, or changed an input.
    """
    before = [x.detach().clone() if isinstance(x, Tensor) else x for x in inputs]
    try:
        result = answer(*inputs, **named)
    except (NotImplementedError, LabError):
        raise
    except Exception as problem:
        shapes = ", ".join(str(tuple(x.shape)) for x in inputs if isinstance(x, Tensor))
        said = f"{type(problem).__name__}: {problem}"
        raise LabError(f"it raises {said} (inputs of shape {shapes or 'none'}).") from problem
    for was, now in zip(before, inputs, strict=True):
        if isinstance(now, Tensor) and not torch.equal(was, now.detach()):
            raise LabError(
                "it changes its input. Operations whose names end with an underscore, and x -= y, work in place: "
                "whoever called your function still needs the old numbers."
            )
    return result


def tensor(result: Any, shape: tuple[int, ...], what: str, hint: str) -> Tensor:
    """Return a result that is a tensor of a shape.

    Raises:
        LabError: It is none.
    """
    if not isinstance(result, Tensor):
        raise LabError(f"{what} is to be a tensor, got a {type(result).__name__}. Did you forget to return it?")
    if tuple(result.shape) != shape:
        raise LabError(f"{what} has the shape {tuple(result.shape)}, wanted {shape}. {hint}")
    return result


def scalar(result: Any, hint: str = "A loss is one number: reduce over everything.") -> Tensor:
    """Return a result that is one number in a tensor.

    Raises:
        LabError: It is none, or cannot be differentiated.
    """
    if isinstance(result, float):
        raise LabError("it gives a plain number. Nothing can be differentiated through .item() or float(...).")
    return tensor(result, (), "the loss", hint)


def near(got: Tensor, wanted: Tensor | float, what: str, hint: str, tolerance: float = 1e-4) -> None:
    """Compare numbers.

    Raises:
        LabError: They differ by more than `tolerance`.
    """
    expected = torch.as_tensor(wanted, dtype=got.dtype)
    if not bool(torch.isfinite(got).all()):
        raise LabError(f"{what} is not finite. {hint}")
    if float((got - expected).abs().max()) > tolerance:
        some = ", ".join(f"{x:.4g}" for x in got.detach().flatten()[:4].tolist())
        asked = ", ".join(f"{x:.4g}" for x in expected.flatten()[:4].tolist())
        raise LabError(f"{what} is {some}, wanted {asked}. {hint}")


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Return numbers between 0 and 1, the same every time."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


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
