"""Feed-forward methods in reduced precision: near float32, statistics and pictures in float32, gated."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from styletransfer import precision, samples
from styletransfer.errors import OptionError
from styletransfer.images import load_image
from styletransfer.methods import create_stylizer
from styletransfer.methods.feedforward.adain import AdaINStylizer
from styletransfer.methods.feedforward.config import AdaINConfig
from styletransfer.methods.feedforward.decoder_files import load_decoder


@pytest.fixture
def emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processors without bfloat16 instructions compute in it all the same, slowly."""
    monkeypatch.setattr(precision, "_processor_has_bfloat16", lambda: True)


def stylizer(decoder: str, **options: object) -> AdaINStylizer:
    made = create_stylizer("adain", decoder=decoder, device="cpu", **options)
    assert isinstance(made, AdaINStylizer)
    return made


@pytest.mark.usefixtures("emulated")
@pytest.mark.parametrize("decoder", ["lite", "fast"])
def test_bfloat16_is_near_float32(decoder: str) -> None:
    content, style = (load_image(samples.draw(name, long_edge=128)) for name in ("harbour", "night"))
    exact = stylizer(decoder).stylize(content, style).image
    result = stylizer(decoder, precision="bfloat16").stylize(content, style)
    assert result.image.dtype is torch.float32
    decibels = -10 * math.log10(float((result.image - exact).square().mean()))
    assert 42 < decibels < 80  # and not the same at all
    assert result.record()["config"]["precision"] == "bfloat16"


@pytest.mark.usefixtures("emulated")
def test_statistics_are_in_float32() -> None:
    encoded = stylizer("lite", precision="bfloat16").encode_style(samples.draw("night", long_edge=64))
    for statistics in encoded.statistics.values():  # type: ignore[attr-defined]
        assert {value.dtype for value in statistics if value is not None} == {torch.float32}


@pytest.mark.usefixtures("emulated")
def test_auto_is_the_fastest_there_is() -> None:
    content, style = torch.rand(1, 3, 32, 40), torch.rand(1, 3, 32, 32)
    images = [stylizer("fast", precision=name).stylize(content, style).image for name in ("auto", "bfloat16")]
    assert torch.equal(*images)


def test_auto_without_bfloat16_is_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_processor_has_bfloat16", lambda: False)
    content, style = torch.rand(1, 3, 32, 40), torch.rand(1, 3, 32, 32)
    results = [stylizer("fast", precision=name).stylize(content, style) for name in ("auto", "float32")]
    assert torch.equal(*[result.image for result in results])
    assert [result.record()["config"]["precision"] for result in results] == ["float32", "float32"]


def test_one_that_is_not_there_falls_back_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_processor_has_bfloat16", lambda: False)
    with pytest.warns(
        UserWarning, match=r"'bfloat16' is not offered here, float32 is used: this processor has no"
    ):
        assert stylizer("lite", precision="bfloat16").config.precision == "float32"
    with pytest.raises(OptionError, match="Unknown precision"):
        AdaINConfig(precision="half")


def numbers(module: torch.nn.Module) -> Tensor:
    return torch.cat([p.detach().float().flatten() for p in module.parameters()])


@pytest.mark.parametrize("decoder", ["lite", "fast"])
def test_a_cast_leaves_the_decoder_as_it_was(decoder: str) -> None:
    loaded = load_decoder(decoder, encoder="vgg19-lite-1", device="cpu")
    before = numbers(loaded)
    kinds = {name: p.dtype for name, p in loaded.cast(torch.bfloat16).named_parameters()}
    assert torch.equal(numbers(loaded), before)
    wide = {name for name, dtype in kinds.items() if dtype is torch.float32}
    assert wide
    assert all(name.startswith(("modulation", *loaded.wide)) for name in wide)
