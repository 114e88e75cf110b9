"""Each engine gives what torch gives, within stated bounds, at every size and for every kind of network."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from styletransfer.engines import Networks, load
from styletransfer.features.vgg import VGG19Features
from styletransfer.layers import LITE_WIDTHS
from styletransfer.methods.feedforward.decoder_files import (
    FAST,
    LITE,
    PYTORCH_ADAIN,
    BaseDecoder,
    BaseSpec,
    build_decoder,
)
from styletransfer.methods.feedforward.decoder_parts import Change
from tests.conftest import random_extractor, seeded

Draw = Callable[..., Tensor]
TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
#: Of the largest feature of a layer; and of a stage's largest number.
BOUND = 2e-5

runtimes = pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])


def loaded(engine: str, extractor: VGG19Features, decoder: Any) -> Networks:
    pytest.importorskip(engine, reason=f"the engine {engine} is an extra of its own")
    return load(engine, extractor, decoder)


def assert_near(made: Tensor, wanted: Tensor) -> None:
    assert made.shape == wanted.shape
    assert made.dtype == wanted.dtype
    assert (made - wanted).abs().max() <= BOUND * wanted.abs().max()


def assert_all_near(made: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    assert list(made) == list(wanted)
    for layer, x in wanted.items():
        assert_near(made[layer], x)


EXTRACTORS: dict[str, dict[str, Any]] = {
    "plain": {},
    "average": {"pooling": "avg"},
    "zeros": {"padding": "zeros"},
    "ceil": {"ceil_mode": True},
    "low rank": {"ranks": {"conv1_2": (8, 16), "conv3_2": (16, 8), "conv4_1": (64, 24)}},
}


def various(settings: dict[str, Any]) -> VGG19Features:
    """An extractor with random numbers whose activations stay near 1 at every depth."""
    extractor = VGG19Features("various", widths=LITE_WIDTHS, last="conv5_1", **settings)
    generator = torch.Generator().manual_seed(1)
    for parameter in extractor.parameters():
        scale = 0.1 if parameter.ndim == 1 else (2 / parameter[0].numel()) ** 0.5
        parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    return extractor


@runtimes
@pytest.mark.parametrize("kind", EXTRACTORS)
def test_features(engine: str, kind: str, decoder: BaseDecoder, picture: Draw) -> None:
    extractor = various(EXTRACTORS[kind])
    networks = loaded(engine, extractor, decoder)
    for size in ((16, 16), (24, 40), (37, 53), (131, 64)):
        assert_all_near(networks.encode(picture(*size), TAPS), extractor(picture(*size), TAPS))


@runtimes
def test_layers_before_the_relu_and_single_positions(
    engine: str, extractor: VGG19Features, decoder: BaseDecoder, picture: Draw
) -> None:
    networks = loaded(engine, extractor, decoder)
    wanted = ["conv1_2", "relu1_2", "relu5_1"]
    for size in ((16, 24), (48, 40)):  # of the first, relu5_1 is one row
        assert_all_near(networks.encode(picture(*size), wanted), extractor(picture(*size), wanted))


@settings(max_examples=15)
@given(st.integers(16, 90), st.integers(16, 90), st.integers(1, 2))
def test_features_of_any_size(height: int, width: int, batch: int) -> None:
    extractor, networks = prepared()
    pictures = torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(height))
    assert_all_near(networks.encode(pictures, TAPS), extractor(pictures, TAPS))


_PREPARED: list[tuple[VGG19Features, Networks]] = []


def prepared() -> tuple[VGG19Features, Networks]:
    """An extractor whose graphs are built once for all examples."""
    if not _PREPARED:
        extractor = seeded(random_extractor, 2)
        _PREPARED.append((extractor, loaded("onnxruntime", extractor, build_decoder(FAST))))
    return _PREPARED[0]


SPECS: dict[str, BaseSpec] = {
    "mirrored": LITE,
    "subpixel": FAST,
    "nearest": dataclasses.replace(PYTORCH_ADAIN, channels=(24,), stages=((16,), (12, 8), (8,), (8, 3))),
    "without slope": dataclasses.replace(FAST, slope=0.0, padding="zeros"),
}


def random_decoder(spec: BaseSpec) -> BaseDecoder:
    """A decoder whose every number counts."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        decoder = build_decoder(spec)
        for name, parameter in decoder.named_parameters():
            if name.endswith("weight") and not parameter.any():
                nn.init.normal_(parameter, std=0.05)
        return decoder.requires_grad_(False)


def inputs(spec: BaseSpec, height: int, width: int, batch: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(height)
    strides = [2 ** (int(tap[4]) - 1) for tap in spec.taps]
    return {
        tap: torch.randn(batch, channels, height // stride, width // stride, generator=generator)
        for tap, channels, stride in zip(spec.taps, spec.channels, strides, strict=True)
    }


@torch.no_grad()
def assert_stages_equal(networks: Networks, decoder: BaseDecoder, targets: dict[str, Tensor]) -> None:
    """Each stage on torch's result of the one before."""
    spec = decoder.spec
    described = torch.linspace(-1, 1, len(targets[spec.taps[-1]]) * 4 * sum(spec.channels))
    changes: Sequence[Sequence[Change] | None] = decoder.changes(
        described.view(-1, 4 * sum(spec.channels)) if spec.modulation else None
    )
    x = None
    for index, shape in enumerate(spec.stage_shapes):
        own = {tap: targets[tap] for tap in shape.taps}
        wanted = decoder.stage(index, x, own, changes[index])
        assert_near(networks.stage(index, x, own, changes[index]), wanted)
        x = wanted


@runtimes
@pytest.mark.parametrize("kind", SPECS)
def test_stages(engine: str, kind: str, extractor: VGG19Features) -> None:
    decoder = random_decoder(SPECS[kind])
    networks = loaded(engine, extractor, decoder)
    for height, width, batch in ((16, 16, 1), (24, 40, 1), (48, 32, 2)):
        assert_stages_equal(networks, decoder, inputs(decoder.spec, height, width, batch))


@runtimes
def test_a_single_row_and_odd_features_are_left_to_torch(engine: str, extractor: VGG19Features) -> None:
    decoder = random_decoder(LITE)
    networks = loaded(engine, extractor, decoder)
    assert_stages_equal(networks, decoder, inputs(decoder.spec, 8, 32, 1))
    targets = inputs(decoder.spec, 32, 32, 1)
    targets["relu3_1"] = torch.rand(1, 64, 9, 8)  # of a picture with a rest: a row is repeated
    x = torch.rand(1, 96, 4, 4)
    change = decoder.changes(torch.rand(1, 4 * sum(decoder.spec.channels)))[1]
    assert torch.equal(networks.stage(1, x, targets, change), decoder.stage(1, x, targets, change))


@runtimes
def test_the_callers_tensors_are_not_changed(
    engine: str, extractor: VGG19Features, decoder: BaseDecoder, picture: Draw
) -> None:
    networks, content = loaded(engine, extractor, decoder), picture(32, 32)
    kept = content.clone()
    first = networks.encode(content, TAPS)
    copies = {layer: x.clone() for layer, x in first.items()}
    networks.encode(1 - content, TAPS)
    assert torch.equal(content, kept)
    assert all(torch.equal(first[layer], x) for layer, x in copies.items()), (
        "outputs are overwritten by the next call"
    )
