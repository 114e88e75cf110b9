"""L-BFGS against torch's, whose steps it takes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from styletransfer.features.vgg import VGG19Features
from styletransfer.methods.gatys.config import GatysConfig
from styletransfer.methods.gatys.lbfgs import LBFGS
from styletransfer.methods.gatys.objective import Objective
from styletransfer.stylizer import Region, StyleInput

Function = Callable[[Tensor], Tensor]
Draw = Callable[..., Tensor]


def iterates(function: Function, optimizer: torch.optim.Optimizer, x: Tensor, steps: int = 10) -> list[Tensor]:
    """Where an optimiser of `x` goes."""
    found = []

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = function(x)
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)  # type: ignore[arg-type]
        found.append(x.detach().clone())
    return found


def both(function: Function, start: Tensor, *, steps: int = 10, history: int = 10, lr: float = 1.0) -> None:
    own, torchs = (start.clone().requires_grad_() for _ in range(2))
    settings = {"max_iter": 1, "tolerance_grad": 0, "tolerance_change": 0}
    wanted = iterates(
        function, torch.optim.LBFGS([torchs], lr=lr, history_size=history, **settings), torchs, steps
    )
    for step, x in enumerate(iterates(function, LBFGS(own, lr=lr, history=history), own, steps)):
        torch.testing.assert_close(x, wanted[step], rtol=1e-4, atol=1e-6, msg=lambda m, n=step: f"step {n}: {m}")
    assert not torch.equal(wanted[-1], start)


@pytest.mark.parametrize("history", [3, 10, 20])
def test_takes_torchs_steps_on_a_quadratic(history: int) -> None:
    slopes = torch.logspace(-2, 1, 40)
    both(lambda x: (slopes * x**2).sum(), torch.linspace(-1, 2, 40), steps=25, history=history)


def test_takes_torchs_steps_where_the_curvature_is_negative() -> None:
    # From the hill's top outwards: the first pairs are left out. With all places in use this differs from torch.
    both(lambda x: -(-(x**2) / 2).exp().sum(), torch.tensor([1.5, 2.0, 0.1]), lr=0.5)


def test_takes_torchs_steps_on_a_gatys_objective(extractor: VGG19Features, picture: Draw) -> None:
    style = Region(styles=(StyleInput(source=picture(32, 32, 2)),))
    objective = Objective(extractor, GatysConfig(), picture(32, 40, 1), [style])
    both(lambda x: torch.stack(list(objective(x).values())).sum(), picture(32, 40, 3))


def test_a_history_in_bfloat16_descends_as_far() -> None:
    slopes = torch.logspace(-1, 1, 100)

    def bowl(x: Tensor) -> Tensor:
        return (slopes * x**2).sum()

    losses = []
    for dtype in (torch.float32, torch.bfloat16):
        x = torch.ones(100).requires_grad_()
        optimizer = LBFGS(x, dtype=dtype)
        losses.append(bowl(iterates(bowl, optimizer, x, 25)[-1]).item())
        assert {state.dtype for state in (optimizer._moves, optimizer._turns)} == {dtype}
    assert losses[1] < 2 * losses[0] < 0.01 * bowl(torch.ones(100)).item()


def test_no_gradient_means_no_step() -> None:
    x = torch.ones(3).requires_grad_()
    optimizer = LBFGS(x)
    for _ in range(3):
        optimizer.step(lambda: torch.zeros(()))
    assert torch.equal(x, torch.ones(3))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="waiting for the device can be seen on CUDA only")
def test_a_step_does_not_wait_for_the_device() -> None:
    x = torch.ones(64, device="cuda").requires_grad_()
    x.grad = torch.ones_like(x)
    optimizer = LBFGS(x)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(12):
            optimizer.step(lambda: None)
    finally:
        torch.cuda.set_sync_debug_mode("default")
