from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from styletransfer.methods.gatys.lbfgs import LBFGS

#: Curvatures from 1 to 1,000,000, in no order: what a diagonal can even out.
STEEP = 10 ** (6 * torch.rand(60, generator=torch.Generator().manual_seed(1), dtype=torch.float64))


def bowl(x: Tensor) -> Tensor:
    return (STEEP[: x.numel()] * (x - 1) ** 2).sum() / 2


def descend(loss: Callable[[Tensor], Tensor], x: Tensor, steps: int, *, precondition: bool) -> list[float]:
    """Move `x` in place; return the loss at which each step began."""
    optimizer = LBFGS(x, history=10, precondition=precondition)

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss(x)
        value.backward()  # type: ignore[no-untyped-call]
        return value.detach()

    return [float(optimizer.step(closure)) for _ in range(steps)]


def dense(loss: Callable[[Tensor], Tensor], x: Tensor, steps: int) -> Tensor:
    """The same with whole matrices: BFGS' update of a diagonal, from the definitions."""
    moves: list[Tensor] = []
    turns: list[Tensor] = []
    squares, before = None, None
    for _ in range(steps):
        gradient = torch.func.grad(loss)(x)
        squares = gradient**2 if squares is None else 0.9 * squares + 0.1 * gradient**2
        if before is None:
            move = -gradient / gradient.abs().sum().clamp_min(1)
        else:
            turns.append(gradient - before)
            inverse = torch.diag((squares + 0.05 * squares.mean()) ** -0.5)
            inverse *= (moves[-1] @ turns[-1]) / (turns[-1] @ inverse @ turns[-1])
            for s, y in zip(moves, turns, strict=True):
                change = torch.eye(len(x), dtype=x.dtype) - torch.outer(s, y) / (s @ y)
                inverse = change @ inverse @ change.T + torch.outer(s, s) / (s @ y)
            move = -inverse @ gradient
        x, before = x + move, gradient
        moves.append(move)
    return x


@pytest.mark.parametrize("steps", [1, 2, 3, 6])
def test_the_steps_are_those_of_bfgs_from_a_diagonal(steps: int) -> None:
    start = torch.linspace(-1, 2, 8, dtype=torch.float64)
    x = start.clone().requires_grad_()
    descend(lambda x: (x**4).sum() + bowl(x) / 1e4, x, steps, precondition=True)
    wanted = dense(lambda x: (x**4).sum() + bowl(x) / 1e4, start, steps)
    torch.testing.assert_close(x.detach(), wanted, rtol=1e-9, atol=1e-12)


def test_coordinates_of_very_different_size_converge_sooner() -> None:
    plain, scaled = (
        min(descend(bowl, torch.zeros(60, dtype=torch.float64, requires_grad=True), 150, precondition=p))
        for p in (False, True)
    )
    assert scaled < plain / 3


def test_a_flat_loss_moves_nothing() -> None:
    x = torch.full((5,), 0.3, requires_grad=True)
    assert descend(lambda x: 0 * x.sum() + 2, x, 4, precondition=True) == [2.0] * 4
    assert torch.equal(x.detach(), torch.full((5,), 0.3))
