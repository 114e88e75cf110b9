"""Making a finished decoder cheap."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import styletransfer as st
from styletransfer import samples
from styletransfer.errors import OptionError
from styletransfer.features.vgg import VGG19Features
from styletransfer.methods.feedforward.adain import align_and_decode
from styletransfer.methods.feedforward.decoder_files import (
    FAST,
    LITE,
    BaseSpec,
    Decoder,
    build_decoder,
    load_decoder,
)
from styletransfer.methods.feedforward.statistics import Statistics, statistics_of_layers
from styletransfer.methods.feedforward.subpixel import LowRankConvolution
from styletransfer.training.decoder.compression import _take, compressed


def random_samples(extractor: VGG19Features, count: int = 2) -> list[tuple[dict[str, Tensor], Statistics]]:
    torch.manual_seed(2)
    made = []
    for _ in range(count):
        content, style = (extractor(torch.rand(1, 3, 48, 48), LITE.taps) for _ in range(2))
        made.append((content, statistics_of_layers(style, covariance=True)))
    return made


def test_with_all_ranks_it_is_the_same_convolution() -> None:
    torch.manual_seed(0)
    original = nn.Conv2d(6, 6, 3, padding=1, padding_mode="reflect")
    small, mixed = LowRankConvolution(6, 6, 6, "reflect"), torch.randn(500, 6) @ torch.randn(6, 6)
    with torch.no_grad():
        _take(small, original, (mixed.t() @ mixed).double())
        x = torch.randn(2, 6, 5, 7)
        torch.testing.assert_close(small(x), original(x), rtol=1e-3, atol=1e-3)


def test_directions_that_carry_nothing_are_dropped() -> None:
    """Inputs that lie in a plane need two channels between, whatever the weights."""
    torch.manual_seed(0)
    plane = torch.randn(2, 6)
    original, small = nn.Conv2d(6, 2, 3, padding=1, padding_mode="reflect"), LowRankConvolution(6, 2, 2, "reflect")
    rows = torch.randn(400, 2) @ plane
    with torch.no_grad():
        _take(small, original, (rows.t() @ rows).double())
        x = (torch.randn(35, 2) @ plane).reshape(1, 5, 7, 6).permute(0, 3, 1, 2)
        torch.testing.assert_close(small(x), original(x), rtol=1e-2, atol=1e-2)


def test_it_works_like_the_decoder_until_half_the_resolution() -> None:
    """Of the embedded decoder little is lost before the last convolution at half resolution."""
    encoder = st.create_extractor("vgg19-lite-1", device="cpu")
    lite = load_decoder("lite", encoder=encoder, device="cpu")

    def drawn(name: str) -> Tensor:
        picture = torch.from_numpy(np.array(samples.draw(name, long_edge=128)))
        return picture.permute(2, 0, 1)[None, :, :96, :96].float().div(255)

    pairs = [
        (
            encoder(drawn(content), LITE.taps),
            statistics_of_layers(encoder(drawn(style), LITE.taps), covariance=True),
        )
        for content in ("harbour", "valley")
        for style in ("mosaic", "watercolour")
    ]
    small = compressed(lite, pairs)
    assert dataclasses.replace(small.spec, encoder_sha256=None) == dataclasses.replace(
        FAST, name="vgg19-lite-1-decoder"
    )
    assert small.spec.encoder_sha256 == encoder.sha256
    got: list[Tensor] = []
    for network in (lite, small):
        network.get_submodule("stages.2.1").register_forward_pre_hook(lambda _, inputs: got.append(inputs[0]))
        with torch.no_grad():
            align_and_decode(network, *pairs[0])
    padded, narrow = got
    wide = padded[:, :, 1:-1, 1:-1]
    assert wide.shape == narrow.shape == (1, 64, 48, 48)
    assert ((narrow - wide).square().mean() / wide.var()).item() < 0.15
    skip = small.enter["relu3_1"].get_parameter("weight")
    assert torch.equal(skip, lite.get_submodule("skips.relu3_1").get_parameter("weight"))


def test_what_has_to_be_learnt_depends_on_the_seed_alone(extractor: VGG19Features, decoder: Decoder) -> None:
    first, again, other = (
        compressed(decoder, random_samples(extractor, 1), seed=seed).skip.weight for seed in (4, 4, 5)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("passes", [None, 2])
def test_passes(extractor: VGG19Features, decoder: Decoder, passes: int | None) -> None:
    assert compressed(decoder, random_samples(extractor, 1), passes=passes).spec.passes == (passes or 1)


@pytest.mark.parametrize(
    "spec",
    [
        FAST,
        dataclasses.replace(LITE, blocks=(1, 1)),
        dataclasses.replace(LITE, slope=0.0),
        dataclasses.replace(LITE, upsampling="nearest"),
    ],
    ids=["fast", "fewer blocks", "another slope", "another upsampling"],
)
def test_other_shapes_are_refused(spec: BaseSpec) -> None:
    with pytest.raises(OptionError, match="Only a decoder of the shape of 'lite'"):
        compressed(build_decoder(spec), [])
