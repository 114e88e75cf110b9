"""Steps in half precision: their network, their finish, and what stays in float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from styletransfer import precision
from styletransfer.errors import OptionError
from styletransfer.features.vgg import VGG19Features
from styletransfer.methods.gatys.config import GatysConfig
from styletransfer.methods.gatys.objective import Objective
from styletransfer.methods.gatys.stylizer import GatysStylizer
from styletransfer.stylizer import Region, StyleInput

Draw = Callable[..., Tensor]


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this device be one that computes in half precision itself."""
    monkeypatch.setattr(precision, "supported", lambda device: ("float32", "float16", "bfloat16"))


def gatys(extractor: VGG19Features, **options: Any) -> GatysStylizer:
    return GatysStylizer(extractor, GatysConfig(**({"scales": (1.0,), "steps": 8} | options)))


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_a_device_without_it_is_told_when_the_stylizer_is_built(
    extractor: VGG19Features, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(precision, "supported", lambda device: ("float32",))
    with pytest.warns(UserWarning, match=f"precision '{name}' is not offered here, float32 is used"):
        assert gatys(extractor, precision=name).config.precision == "float32"
    assert gatys(extractor, precision="auto")._bulk == torch.float32
    assert gatys(extractor, precision="auto").config.precision == "float32"


def test_a_precision_that_does_not_exist_is_refused() -> None:
    with pytest.raises(OptionError, match="precision"):
        GatysConfig(precision="float8")


@pytest.mark.usefixtures("able")
@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_the_last_quarter_of_the_steps_is_in_float32(
    extractor: VGG19Features, picture: Draw, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    seen: list[torch.dtype] = []
    real = Objective.sums

    def sums(self: Objective, *args: Any) -> Any:
        seen.append(self.network.dtype)
        found = real(self, *args)
        assert {value.dtype for value in found.values()} == {torch.float32}
        return found

    monkeypatch.setattr(Objective, "sums", sums)
    result = gatys(extractor, precision=name).stylize(picture(), picture(seed=1))
    low = getattr(torch, name)
    assert seen[-3:] == [torch.float32] * 3  # two steps, and the end
    assert set(seen[:-3]) == {low}
    assert result.image.dtype == torch.float32
    assert result.config.precision == name


@pytest.mark.usefixtures("able")
@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_the_loss_ends_near_that_of_float32(extractor: VGG19Features, picture: Draw, name: str) -> None:
    wanted = gatys(extractor, steps=20).stylize(picture(), picture(seed=1))
    result = gatys(extractor, steps=20, precision=name).stylize(picture(), picture(seed=1))
    assert result.losses["total"] < wanted.losses["total"] + 0.1 * wanted.history[0].total
    assert result.history[0].total == pytest.approx(wanted.history[0].total, rel=0.02)


@pytest.mark.parametrize("preset", ["default", "gatys2016"])
def test_gradients_in_float16_neither_vanish_nor_overflow(
    extractor: VGG19Features, picture: Draw, preset: str
) -> None:
    region = [Region(styles=(StyleInput(source=picture(seed=1)),))]
    objective = Objective(extractor, GatysConfig(preset=preset), picture(), region)
    gradients = []
    for network in (extractor, extractor.cast(torch.float16)):
        objective.network = network
        x = picture(seed=2).requires_grad_()
        total = torch.stack(list(objective(x).values())).sum()
        gradients.append(torch.autograd.grad(total, x)[0])
    full, half = gradients
    assert torch.nn.functional.cosine_similarity(full.flatten(), half.flatten(), dim=0) > 0.98
    assert half.norm() == pytest.approx(full.norm().item(), rel=0.1)
