from __future__ import annotations

import pytest
import torch
from torch import Tensor

from styletransfer.methods.gatys.canvas import Canvas
from styletransfer.methods.gatys.descent import Descent, minimize


def canvas(height: int, width: int, **settings: object) -> Canvas:
    chosen = {"space": "rgb", "levels": 3, "clamp": True} | settings
    return Canvas((height, width), device=torch.device("cpu"), **chosen)  # type: ignore[arg-type]


def spread(held: Canvas) -> Tensor:
    """A variable with something in every level."""
    return 0.3 * torch.randn(held.start(torch.zeros(1, 3, *held.sizes[0])).numel())


@pytest.mark.parametrize("space", ["rgb", "imagenet"])
@pytest.mark.parametrize("levels", [0, 1, 3])
@pytest.mark.parametrize("size", [(16, 16), (17, 40), (33, 21)])
def test_a_picture_comes_back(space: str, levels: int, size: tuple[int, int]) -> None:
    held, picture = canvas(*size, space=space, levels=levels), torch.rand(1, 3, *size)
    values = held.values(held.start(picture))
    torch.testing.assert_close(held.picture(values), picture)


def test_levels_halve_down_to_4_pixels() -> None:
    assert canvas(33, 50, levels=2).sizes == [(33, 50), (17, 25), (9, 13)]
    assert canvas(16, 40, levels=8).sizes == [(16, 40), (8, 20), (4, 10)]
    assert canvas(16, 40, levels=0).sizes == [(16, 40)]


def test_without_coarser_levels_the_variable_is_the_pixels() -> None:
    variable = canvas(16, 20, levels=0).start(picture := torch.rand(1, 3, 16, 20))
    assert torch.equal(variable, picture.flatten())


def test_imagenet_space_is_torchvisions_normalisation() -> None:
    picture = torch.rand(1, 3, 16, 16)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    held = canvas(16, 16, space="imagenet")
    torch.testing.assert_close(held.values(held.start(picture)), (picture - mean) / std)


def test_a_coarse_step_moves_a_region() -> None:
    held = canvas(16, 16, levels=1)
    variable = held.start(torch.zeros(1, 3, 16, 16))
    variable[3 * 16 * 16 :] = 1.0  # all of the coarser level
    torch.testing.assert_close(held.values(variable), torch.full((1, 3, 16, 16), 0.7))


@pytest.mark.parametrize("space", ["rgb", "imagenet"])
def test_projection_clamps_the_picture_and_nothing_else(space: str) -> None:
    held = canvas(16, 24, space=space)
    variable = held.start(torch.rand(1, 3, 16, 24)) + spread(held)
    before = held.picture(held.values(variable))
    moved = held.project(variable)
    torch.testing.assert_close(held.picture(held.values(moved)), before.clamp(0, 1))
    assert torch.equal(moved[3 * 16 * 24 :], variable[3 * 16 * 24 :])
    torch.testing.assert_close(held.project(moved), moved)


def test_no_projection_without_clamping() -> None:
    held = canvas(16, 24, clamp=False)
    variable = spread(held) * 10
    assert held.project(variable) is variable


def test_gradients_that_lead_out_of_range_are_dropped() -> None:
    for levels in (0, 3):
        held = canvas(16, 24, levels=levels)
        variable = held.project(held.start(torch.rand(1, 3, 16, 24)) + 3 * spread(held))
        for sign, border in ((1.0, 0.0), (-1.0, 1.0)):
            x = variable.clone().requires_grad_()
            picture = held.picture(held.values(x))
            (sign * picture).sum().backward()
            assert x.grad is not None
            fine = x.grad[: 3 * 16 * 24].view(1, 3, 16, 24)
            on_border = (picture.detach() - border).abs() < 1e-6
            assert on_border.any()
            assert torch.equal(fine, torch.where(on_border, 0.0, sign))


def test_a_descent_with_clamped_pixels_converges() -> None:
    # The unclamped optimum lies outside for half of the pixels; L-BFGS must still reach it for the others.
    target = torch.rand(1, 3, 16, 16) * 2 - 0.5
    scale = torch.linspace(0.5, 5, 16)
    held = canvas(16, 16, levels=0)

    def objective(variable: Tensor) -> dict[str, Tensor]:
        return {"gap": (scale * (held.picture(held.values(variable)) - target) ** 2).sum()}

    start = torch.full((1, 3, 16, 16), 0.5)
    descent = Descent(optimizer="lbfgs", learning_rate=1.0, steps=80, project=held.project)
    result = minimize(held.start(start), objective, descent, lambda *_: None)
    first, optimum = (objective(held.start(x))["gap"].item() for x in (start, target.clamp(0, 1)))
    assert result.terms["gap"] - optimum < 0.005 * (first - optimum)


def test_arguments_are_never_changed() -> None:
    held = canvas(16, 24)
    picture, variable = torch.rand(1, 3, 16, 24), 5 * spread(held)
    copies = picture.clone(), variable.clone()
    held.start(picture).zero_()
    held.project(variable)
    held.values(variable)
    assert torch.equal(picture, copies[0])
    assert torch.equal(variable, copies[1])
