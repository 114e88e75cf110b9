"""The sub-pixel decoder: what it computes, what it wants, and its files."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import styletransfer as st
from styletransfer.errors import OptionError, WeightsError
from styletransfer.features.vgg import VGG19Features
from styletransfer.methods.feedforward.adain import align_and_decode
from styletransfer.methods.feedforward.decoder_files import (
    FAST,
    BaseSpec,
    SubpixelDecoder,
    SubpixelSpec,
    build_decoder,
    load_decoder,
    save_decoder,
)
from styletransfer.methods.feedforward.statistics import statistics_of_layers
from styletransfer.methods.feedforward.subpixel import pointwise

Draw = Callable[..., Tensor]

SMALL = SubpixelSpec(
    name="small",
    encoder="vgg19-lite-1",
    taps=("relu1_1", "relu2_1", "relu3_1"),
    channels=(4, 6, 8),
    stages=((7,), (6, 5)),
    blocks=(1, 0),
    ranks=(3, 2, 4, 3, 5),
    modulation=7,
    slope=0.2,
    notes={"pictures": 7},
)


def random_features(spec: SubpixelSpec, height: int, width: int) -> dict[str, Tensor]:
    strides = [2 ** (int(tap[4]) - 1) for tap in spec.taps]
    return {
        tap: torch.rand(2, channels, height // stride, width // stride)
        for tap, channels, stride in zip(spec.taps, spec.channels, strides, strict=True)
    }


def random_decoder(spec: SubpixelSpec) -> SubpixelDecoder:
    """A decoder whose blocks and modulation, which start without effect, have one."""
    torch.manual_seed(3)
    decoder = SubpixelDecoder(spec)
    for name, parameter in decoder.named_parameters():
        if name.endswith(("second.expand.weight", "end.weight", "modulation.out.weight")):
            nn.init.normal_(parameter, std=0.05)
    return decoder.requires_grad_(False)


def change_for(spec: SubpixelSpec) -> Tensor:
    return torch.rand(2, 4 * sum(spec.channels))


def test_it_is_what_its_description_says() -> None:
    """Against the same network written out with torch's own layers."""
    decoder = random_decoder(SMALL).double()
    features = {tap: x.double() for tap, x in random_features(SMALL, 16, 24).items()}
    change = change_for(SMALL).double()
    assert decoder.modulation is not None
    pairs = iter(decoder.modulation(change))

    def convolved(convolution: nn.Module, x: Tensor) -> Tensor:
        x = F.conv2d(x, convolution.get_parameter("reduce.weight"))
        x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), convolution.get_parameter("core.weight"))
        x = F.conv2d(x, convolution.get_parameter("expand.weight"), convolution.get_parameter("expand.bias"))
        scale, shift = next(pairs)
        return scale * x + shift

    def entered(tap: str) -> Tensor:
        layer = decoder.enter[tap]
        return F.conv2d(features[tap], layer.get_parameter("weight"), layer.get_parameter("bias"))

    module, x = decoder.get_submodule, features["relu3_1"]
    x = x + convolved(module("blocks.0.0.second"), F.leaky_relu(convolved(module("blocks.0.0.first"), x), 0.2))
    x = F.leaky_relu(convolved(module("stages.0.0"), x), 0.2)
    x = F.interpolate(x, scale_factor=2, mode="bilinear") + entered("relu2_1")
    x = F.leaky_relu(convolved(module("stages.1.0"), x), 0.2)
    # The shallowest tap's squares of two by two are channels of half the resolution.
    squares = decoder.enter["relu1_1"].get_parameter("weight").flatten(1)[:, :, None, None]
    x = x + F.conv2d(
        F.pixel_unshuffle(features["relu1_1"], 2), squares, decoder.enter["relu1_1"].get_parameter("bias")
    )
    x = F.leaky_relu(convolved(module("stages.1.1"), x), 0.2)
    x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), decoder.end.weight, decoder.end.bias)
    wanted = F.pixel_shuffle(x, 2) + F.conv2d(features["relu1_1"], decoder.skip.weight, decoder.skip.bias)
    torch.testing.assert_close(decoder(features, change), wanted)
    assert next(pairs, None) is None


def test_fast_costs_fourteen_thousand_multiply_adds_a_pixel() -> None:
    decoder, features = SubpixelDecoder(FAST), random_features(FAST, 256, 256)
    with FlopCounterMode(display=False) as counted:
        decoder(features, change_for(FAST))
    multiply_adds = counted.get_total_flops() / 2 / 2  # two pictures
    assert 13_500 < multiply_adds / 256**2 < 14_500


@pytest.mark.parametrize("size", [(16, 16), (16, 64), (80, 48)])
def test_fast_returns_the_picture_s_size(size: tuple[int, int]) -> None:
    image = SubpixelDecoder(FAST)(random_features(FAST, *size), change_for(FAST))
    assert image.shape == (2, 3, *size)
    assert 0.2 < image.mean() < 0.8  # it starts near mid-grey


def test_every_number_of_it_learns() -> None:
    decoder = random_decoder(SMALL).requires_grad_(True)
    decoder(random_features(SMALL, 16, 16), change_for(SMALL)).square().mean().backward()
    assert not [name for name, p in decoder.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]


def test_one_change_holds_for_all_pictures() -> None:
    decoder, features, change = random_decoder(SMALL), random_features(SMALL, 16, 16), change_for(SMALL)[:1]
    torch.testing.assert_close(decoder(features, change), decoder(features, change.expand(2, -1)))


def test_one_picture_does_not_depend_on_the_others() -> None:
    decoder, features, change = random_decoder(SMALL), random_features(SMALL, 16, 16), change_for(SMALL)
    alone = decoder({tap: x[1:] for tap, x in features.items()}, change[1:])
    torch.testing.assert_close(decoder(features, change)[1:], alone)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_pointwise_is_a_1x1_convolution(memory: torch.memory_format) -> None:
    convolution, x = nn.Conv2d(6, 4, 1), torch.rand(2, 6, 5, 3).contiguous(memory_format=memory)
    torch.testing.assert_close(pointwise(convolution, x), convolution(x))


def test_sides_that_leave_a_rest_are_refused() -> None:
    decoder = SubpixelDecoder(SMALL)
    for features in (
        random_features(SMALL, 16, 18),
        random_features(SMALL, 16, 16) | {"relu2_1": torch.rand(2, 6, 8, 9)},
    ):
        with pytest.raises(
            OptionError, match=r"'small' needs features of one picture whose sides are multiples of 4"
        ):
            decoder(features, change_for(SMALL))
    with pytest.raises(OptionError, match="needs the features of relu2_1, relu3_1 too"):
        decoder({"relu1_1": torch.rand(1, 4, 16, 16)}, change_for(SMALL))
    with pytest.raises(OptionError, match="conditioned on the change"):
        decoder(random_features(SMALL, 16, 16))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"taps": ("relu1_1",), "channels": (4,), "stages": (), "blocks": (), "ranks": ()}, "at least two"),
        ({"taps": ("relu1_1", "relu2_1", "relu4_1")}, "one tap of each block"),
        ({"stages": ((8,),)}, "3 taps has 2 stages"),
        ({"stages": ((8,), ())}, "2 stages of at least one convolution"),
        ({"stages": ((8,), (6, 0))}, "Each width"),
        ({"blocks": (1,)}, "as many numbers of blocks"),
        ({"blocks": (1, 99)}, "Each number of blocks"),
        ({"ranks": (3, 2, 4, 3)}, "5 convolutions needs as many ranks, got 4"),
        ({"ranks": (3, 2, 4, 3, 0)}, "Each rank"),
        ({"channels": (4, 6, 10**9)}, "Each width"),
        ({"passes": 0}, "passes"),
        ({"padding": "wrap"}, "padding"),
    ],
)
def test_plans_that_make_no_sense(change: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        dataclasses.replace(SMALL, **change)  # type: ignore[arg-type]


def test_a_file_brings_everything_back(tmp_path: Path) -> None:
    decoder = random_decoder(SMALL)
    path = save_decoder(decoder, tmp_path / "small.safetensors", {"steps": 5})
    back = load_decoder(path, encoder="vgg19-lite-1", device="cpu")
    assert (back.spec, back.spec.notes) == (SMALL, {"pictures": 7, "steps": 5})
    features, change = random_features(SMALL, 16, 16), change_for(SMALL)
    assert torch.equal(back(features, change), decoder(features, change))
    assert not any(parameter.requires_grad for parameter in back.parameters())


@pytest.mark.parametrize("kind", ["cubic", 7, ["subpixel"], None])
def test_a_file_of_an_unknown_kind(tmp_path: Path, kind: object) -> None:
    path = save_decoder(random_decoder(SMALL), tmp_path / "small.safetensors")
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    metadata["spec"] = json.dumps(json.loads(metadata["spec"]) | {"kind": kind})
    save_file(tensors, path, metadata)
    with pytest.raises(WeightsError, match="kind of decoder"):
        load_decoder(path, encoder="vgg19-lite-1", device="cpu")


def test_a_description_of_nothing_known_builds_nothing() -> None:
    class Other(BaseSpec):
        kind, modulated, stage_shapes, multiple, described = "other", (), (), 1, ""

    with pytest.raises(OptionError, match="No decoder is built from Other"):
        build_decoder(Other(name="x", encoder="y", taps=("relu1_1",), channels=(1,)))


@pytest.mark.parametrize("size", [(16, 16), (40, 57), (72, 65)])
def test_it_stylizes_any_size(extractor: VGG19Features, picture: Draw, size: tuple[int, int]) -> None:
    """The stylizer pads to multiples of 8 and cuts again."""
    stylizer = st.create_stylizer("adain", extractor=extractor, decoder=random_decoder(FAST))
    result = stylizer.stylize(picture(*size), picture(32, 40, seed=1))
    assert result.image.shape == (1, 3, *size)
    assert result.losses.keys() == {"content", "style", "total"}


def test_alignment_with_itself_changes_nothing() -> None:
    decoder, features = random_decoder(SMALL), random_features(SMALL, 16, 16)
    own, image = align_and_decode(decoder, features, statistics_of_layers(features))
    for tap, x in features.items():
        torch.testing.assert_close(own[tap], x)
    assert image.shape == (2, 3, 16, 16)
