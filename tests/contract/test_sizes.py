"""The result has the content's height and width: every size from 16x16 to 40x40, and an odd large one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from styletransfer.features.vgg import VGG19Features
from styletransfer.methods.feedforward.adain import AdaINStylizer
from styletransfer.methods.feedforward.decoder_files import FAST, LITE, PYTORCH_ADAIN, Decoder, build_decoder
from styletransfer.methods.gatys.config import GatysConfig
from styletransfer.methods.gatys.stylizer import GatysStylizer
from styletransfer.stylizer import Stylizer

WIDTH = 2  # channels do not matter for sizes
STYLE = (19, 23)


def narrow(name: str, *, ceil_mode: bool) -> VGG19Features:
    return VGG19Features(name, widths=(WIDTH,) * 5, last="conv5_1", ceil_mode=ceil_mode)


def adain(spec_of: str) -> AdaINStylizer:
    """Mirrored decoders' structure: aligned skips after floor pooling, a single tap after ceil pooling."""
    spec = {"lite": LITE, "pytorch-adain": PYTORCH_ADAIN}[spec_of]
    spec = dataclasses.replace(
        spec,
        channels=(WIDTH,) * len(spec.taps),
        stages=tuple((*[WIDTH] * (len(stage) - 1), 3 if stage[-1] == 3 else WIDTH) for stage in spec.stages),
    )
    encoder = narrow(spec.encoder, ceil_mode=spec_of == "pytorch-adain")
    return AdaINStylizer(encoder, decoder=Decoder(spec).requires_grad_(False))


def fast() -> AdaINStylizer:
    spec = dataclasses.replace(
        FAST, channels=(WIDTH,) * 4, stages=tuple((WIDTH,) * len(stage) for stage in FAST.stages)
    )
    return AdaINStylizer(narrow(spec.encoder, ceil_mode=False), decoder=build_decoder(spec).requires_grad_(False))


def gatys() -> GatysStylizer:
    return GatysStylizer(narrow("vgg19-lite-1", ceil_mode=False), GatysConfig(scales=(1.0,), steps=1))


METHODS: dict[str, Callable[[], Stylizer]] = {
    "adain-lite": lambda: adain("lite"),
    "adain-fast": fast,
    "adain-pytorch": lambda: adain("pytorch-adain"),
    "gatys": gatys,
}


def assert_size_is_kept(stylizer: Stylizer, style: Tensor, height: int, width: int) -> None:
    content = torch.rand(1, 3, height, width)
    image = stylizer.stylize(content, style).image
    assert image.shape == (1, 3, height, width)
    assert image.isfinite().all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("height", range(16, 41))
def test_every_size_from_16_to_40(method: str, height: int) -> None:
    stylizer, style = METHODS[method](), torch.rand(1, 3, *STYLE)
    for width in range(16, 41):
        assert_size_is_kept(stylizer, style, height, width)


@pytest.mark.parametrize("method", METHODS)
def test_an_odd_large_size(method: str) -> None:
    assert_size_is_kept(METHODS[method](), torch.rand(1, 3, 40, 40), 333, 517)


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (33, 16)])
def test_with_the_full_networks_widths(extractor: VGG19Features, decoder: Decoder, size: tuple[int, int]) -> None:
    style = torch.rand(1, 3, *STYLE)
    assert_size_is_kept(AdaINStylizer(extractor, decoder=decoder), style, *size)
    assert_size_is_kept(GatysStylizer(extractor, GatysConfig(scales=(1.0,), steps=2)), style, *size)


@pytest.mark.parametrize("size", [(64, 65), (67, 90)])
def test_coarse_to_fine(extractor: VGG19Features, size: tuple[int, int]) -> None:
    stylizer = GatysStylizer(extractor, GatysConfig(scales=(0.5, 1.0), steps=1))
    assert_size_is_kept(stylizer, torch.rand(1, 3, *STYLE), *size)
