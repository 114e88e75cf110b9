"""The extractor against textbook networks, written here from the description of the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor, nn

from styletransfer.errors import OptionError, WeightsError
from styletransfer.features import create_extractor, list_extractors
from styletransfer.features.padding import pad_by_one
from styletransfer.features.vgg import VGG19Features, pick_device
from styletransfer.layers import TAPS


def textbook_normalised() -> nn.Sequential:
    """vgg_normalised.pth: a 1x1 convolution, then padding, convolution, ReLU, and ceil-mode pooling."""
    modules: list[nn.Module] = [nn.Conv2d(3, 3, 1)]
    channels = 3
    for block, (width, count) in enumerate([(64, 2), (128, 2), (256, 4), (512, 4), (512, 4)]):
        if block:
            modules.append(nn.MaxPool2d(2, 2, ceil_mode=True))
        for _ in range(count):
            modules += [nn.ReflectionPad2d(1), nn.Conv2d(channels, width, 3), nn.ReLU()]
            channels = width
    return nn.Sequential(*modules)


def textbook_lite(widths: tuple[int, ...] = (16, 32, 64, 128, 128)) -> nn.Sequential:
    """The colour map, then 3x3 convolutions with reflection to conv5_1 and its ReLU."""
    modules: list[nn.Module] = [nn.Conv2d(3, 3, 1)]
    channels = 3
    for block, (width, count) in enumerate(zip(widths, (2, 2, 4, 4, 1), strict=True)):
        if block:
            modules.append(nn.MaxPool2d(2))
        for _ in range(count):
            modules += [nn.Conv2d(channels, width, 3, padding=1, padding_mode="reflect"), nn.ReLU()]
            channels = width
    return nn.Sequential(*modules)


def textbook_torchvision() -> nn.Sequential:
    """torchvision's own module, without the storage of its classifier."""
    with torch.device("meta"):
        network = torchvision.models.vgg19(weights=None)
    features = network.features.to_empty(device="cpu")
    for module in features.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False  # else the taps before the ReLU are overwritten
    return features


def taps_of(network: nn.Sequential, x: Tensor) -> dict[str, Tensor]:
    """Collect what each convolution and ReLU returns."""
    taps, block, number = {}, 1, 0
    for module in network:
        x = module(x)
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
            number += 1
            taps[f"conv{block}_{number}"] = x
        elif isinstance(module, nn.ReLU):
            taps[f"relu{block}_{number}"] = x
        elif isinstance(module, nn.MaxPool2d):
            block, number = block + 1, 0
    return taps


def assert_same(got: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert list(got) == list(wanted)
    for tap, x in wanted.items():
        assert got[tap].shape == x.shape, tap
        assert ((got[tap] - x).abs().max() / x.abs().max()).item() < 1e-5, tap


@pytest.fixture
def lite(lite_file: Path) -> VGG19Features:
    return create_extractor("vgg19-lite-1", weights=lite_file, device="cpu")


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_lite_agrees_with_the_textbook(lite: VGG19Features, lite_file: Path, images: Tensor) -> None:
    textbook = textbook_lite()
    convolutions = [m for m in textbook if isinstance(m, nn.Conv2d)]
    names = [f"conv{b}_{n}" for b, count in ((1, 2), (2, 2), (3, 4), (4, 4), (5, 1)) for n in range(1, count + 1)]
    tensors = load_file(lite_file)
    for module, name in zip(convolutions, ["color", *names], strict=True):
        module.weight.copy_(tensors[f"{name}.weight"])
        module.bias.copy_(tensors[f"{name}.bias"])
    assert_same(lite(images, lite.available), taps_of(textbook, images))
    assert lite.available[-1] == "relu5_1"


@torch.no_grad()
def test_torchvision_agrees_with_torchvision(torchvision_file: Path, images: Tensor) -> None:
    textbook = textbook_torchvision()
    stored = torch.load(torchvision_file, weights_only=True)
    textbook.load_state_dict({k.removeprefix("features."): x for k, x in stored.items() if "features" in k})
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    wanted = taps_of(textbook, (images - mean.view(3, 1, 1)) / std.view(3, 1, 1))
    extractor = create_extractor("vgg19", weights=torchvision_file, device="cpu")
    assert_same(extractor(images, TAPS), wanted)


@torch.no_grad()
@pytest.mark.parametrize("size", [(32, 48), (33, 41)])
def test_normalised_agrees_with_the_textbook(normalised_file: Path, size: tuple[int, int]) -> None:
    images = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    textbook = textbook_normalised()
    textbook.load_state_dict(torch.load(normalised_file, weights_only=True))
    extractor = create_extractor("vgg19-normalised", weights=normalised_file, device="cpu")
    features = extractor(images, TAPS)
    assert_same(features, taps_of(textbook, images))
    height, width = size
    assert features["relu4_1"].shape[2:] == (-(-height // 8), -(-width // 8))  # ceil


def test_conv_taps_are_before_the_relu(lite: VGG19Features, images: Tensor) -> None:
    alone = lite(images, ["conv4_2"])["conv4_2"]
    both = lite(images, ["relu4_2", "conv4_2", "relu4_3"])
    assert (alone < 0).any()
    assert torch.equal(both["conv4_2"], alone)
    assert torch.equal(both["relu4_2"], alone.clamp_min(0))


def test_relu_taps_are_not_overwritten_by_what_follows(lite: VGG19Features, images: Tensor) -> None:
    shallow = lite(images, ["relu1_1"])["relu1_1"]
    assert torch.equal(lite(images, ["relu1_1", "conv1_2", "relu5_1"])["relu1_1"], shallow)


@pytest.mark.parametrize(("layers", "calls"), [(["relu1_1"], 1), (["conv3_2", "relu1_1"], 6), (["relu5_1"], 13)])
def test_stops_at_the_deepest_tap(lite: VGG19Features, images: Tensor, layers: list[str], calls: int) -> None:
    ran: list[nn.Module] = []
    for convolution in lite.convs.values():
        convolution.register_forward_hook(lambda module, *_: ran.append(module))
    lite(images, layers)
    assert len(ran) == calls


def test_frozen_means_frozen(lite: VGG19Features, images: Tensor) -> None:
    lite.train()
    assert not any(module.training for module in lite.modules())
    assert not any(parameter.requires_grad for parameter in lite.parameters())
    images = images.requires_grad_()
    lite(images, ["relu5_1"])["relu5_1"].square().sum().backward()
    assert images.grad is not None
    assert images.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in lite.parameters())


def test_gradient_is_that_of_the_function(lite: VGG19Features) -> None:
    double = lite.double()
    images = torch.rand(1, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    assert torch.autograd.gradcheck(
        lambda x: tuple(double(x, ["conv1_2", "conv2_1"]).values()), images.requires_grad_(), fast_mode=True
    )


def test_pictures_are_not_changed(lite: VGG19Features, images: Tensor) -> None:
    before = images.clone()
    lite(images, ["relu1_1", "relu3_1"])
    assert torch.equal(images, before)


@torch.no_grad()
def test_every_size_from_16_to_40(lite: VGG19Features) -> None:
    for height in range(16, 41):
        width = 56 - height
        features = lite(torch.rand(1, 3, height, width), ["relu1_1", "relu4_1", "relu5_1"])
        assert features["relu1_1"].shape[2:] == (height, width)
        assert features["relu4_1"].shape[2:] == (height // 8, width // 8)
        assert features["relu5_1"].shape[2:] == (height // 16, width // 16)


def test_average_pooling_and_zero_padding(lite_file: Path, lite: VGG19Features, images: Tensor) -> None:
    other = create_extractor("vgg19-lite-1", weights=lite_file, device="cpu", pooling="avg", padding="zeros")
    first = nn.functional.conv2d(images, lite.color_matrix, lite.color_bias)
    expected = lite.convs["conv1_1"](nn.functional.pad(first, (1, 1, 1, 1)))
    torch.testing.assert_close(other(images, ["conv1_1"])["conv1_1"], expected)
    features = other(images, ["relu1_2", "conv2_1"])
    pooled = nn.functional.pad(nn.functional.avg_pool2d(features["relu1_2"], 2), (1, 1, 1, 1))
    torch.testing.assert_close(features["conv2_1"], lite.convs["conv2_1"](pooled))
    assert torch.equal(lite.variant(pooling="avg", padding="zeros")(images, ["relu5_1"])["relu5_1"],
                       other(images, ["relu5_1"])["relu5_1"])  # fmt: skip
    assert lite.pooling == "max"


@given(height=st.integers(1, 6), width=st.integers(1, 6))
@settings(deadline=None, max_examples=25)
def test_padding_repeats_the_second_row(height: int, width: int) -> None:
    x = torch.rand(1, 2, height, width)
    padded = pad_by_one(x, "reflect")
    assert padded.shape == (1, 2, height + 2, width + 2)
    assert torch.equal(padded[:, :, 1:-1, 1:-1], x)
    assert torch.equal(padded[:, :, 0, 1:-1], x[:, :, min(1, height - 1)])
    assert torch.equal(padded[:, :, 1:-1, -1], x[:, :, :, max(width - 2, 0)])


def test_creating_an_extractor_draws_no_random_numbers(lite_file: Path) -> None:
    state = torch.get_rng_state()
    create_extractor("vgg19-lite-1", weights=lite_file, device="cpu")
    assert torch.equal(torch.get_rng_state(), state)


def test_user_mistakes_are_named(lite: VGG19Features, lite_file: Path, images: Tensor) -> None:
    with pytest.raises(OptionError, match=r'Unknown layer \'relu4-1\'\. Did you mean "relu4_1"\?'):
        lite(images, ["relu4-1"])
    with pytest.raises(OptionError, match=r"'relu5_2' is deeper than this network, which ends at 'relu5_1'"):
        lite(images, ["relu5_2"])
    with pytest.raises(OptionError, match=r"pictures \(B, 3, H, W\), got \(3, 32, 48\)"):
        lite(images[0], ["relu1_1"])
    with pytest.raises(OptionError, match="pictures are on meta, the extractor on cpu"):
        lite(images.to("meta"), ["relu1_1"])
    with pytest.raises(OptionError, match=r'Unknown extractor \'vgg-19\'\. Did you mean "vgg19"\?.*vgg19-lite-1'):
        create_extractor("vgg-19")
    with pytest.raises(OptionError, match=r"Unknown pooling 'mean'\..*Choose one of: max, avg"):
        create_extractor("vgg19-lite-1", weights=lite_file, pooling="mean")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match=r"Unknown padding 'reflekt'\. Did you mean \"reflect\""):
        create_extractor("vgg19-lite-1", weights=lite_file, padding="reflekt")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="Unknown device 'gpu'"):
        create_extractor("vgg19-lite-1", weights=lite_file, device="gpu")


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_device(None) == torch.device("cpu")
    with pytest.raises(OptionError, match=r'The device "cuda:1" is not available here\. Use "cpu"'):
        pick_device("cuda:1")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device(None) == torch.device("mps")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert pick_device(None) == torch.device("cuda")
    with pytest.raises(OptionError, match='"cuda:1" is not available'):
        pick_device("cuda:1")


def test_list_extractors_begins_with_the_default() -> None:
    assert list_extractors() == ["vgg19-lite", "vgg19-oxford", "vgg19", "vgg19-normalised", "vgg19-lite-1"]


def test_load_convolutions_names_what_is_wrong(lite: VGG19Features) -> None:
    tensors = dict(lite.convs.state_dict())
    colors = {"color_matrix": lite.color_matrix, "color_bias": lite.color_bias, "source": "x.pth"}
    with pytest.raises(WeightsError, match=r"x\.pth has no tensor for conv3_1\.bias"):
        lite.load_convolutions({k: v for k, v in tensors.items() if k != "conv3_1.bias"}, **colors)
    with pytest.raises(WeightsError, match=r"conv1_1\.bias has shape \(17,\), 'vgg19-lite-1' wants \(16,\)"):
        lite.load_convolutions(tensors | {"conv1_1.bias": torch.zeros(17)}, **colors)


def test_pictures_too_small_for_the_deepest_layer(extractor: VGG19Features) -> None:
    with pytest.raises(OptionError, match=r"8x40 pixels .* too small for 'relu5_1'; both sides .* at least 16"):
        extractor(torch.rand(1, 3, 8, 40), ["relu5_1"])
    assert extractor(torch.rand(1, 3, 8, 40), ["relu4_1"])["relu4_1"].shape[2:] == (1, 5)


def test_an_array_is_no_tensor(extractor: VGG19Features) -> None:
    with pytest.raises(OptionError, match=r"takes a tensor of pictures .* got a ndarray"):
        extractor(np.zeros((1, 3, 32, 32)), ["relu1_1"])  # type: ignore[arg-type]


def test_layers_can_be_divided_without_changing_the_next_ones(lite_file: Path) -> None:
    plain, divided = (create_extractor("vgg19-lite-1", weights=lite_file, device="cpu") for _ in range(2))
    with torch.no_grad():
        divided.divide_layers({"conv1_2": 7.0, "conv2_1": 100.0})
    images = torch.rand(1, 3, 32, 32)
    taps = ["relu1_1", "relu1_2", "conv2_1", "relu3_1"]
    before, after = plain(images, taps), divided(images, taps)
    for tap, divisor in zip(taps, (1.0, 7.0, 100.0, 1.0), strict=True):
        assert torch.allclose(before[tap] / divisor, after[tap], atol=1e-5)


def test_neither_the_default_dtype_nor_inference_mode_matters(lite_file: Path) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode():
            lite = create_extractor("vgg19-lite-1", weights=lite_file, device="cpu")
            full = create_extractor("vgg19-lite-1", device="cpu")
    finally:
        torch.set_default_dtype(torch.float32)
    for extractor in (lite, full):
        tensors = [*extractor.parameters(), *extractor.buffers()]
        assert {x.dtype for x in tensors} == {torch.float32}
        assert not any(x.is_inference() for x in tensors)
        images = torch.rand(1, 3, 16, 16, requires_grad=True)
        extractor(images, ["relu2_1"])["relu2_1"].sum().backward()
        assert images.grad is not None


class TestCast:
    """The network in another precision."""

    @pytest.mark.parametrize("name", ["vgg19-lite-1", "vgg19-lite"])
    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
    def test_features_are_near_and_of_that_precision(self, name: str, dtype: torch.dtype, images: Tensor) -> None:
        network = create_extractor(name, device="cpu")
        features, wanted = (
            network.cast(dtype)(images, ["relu1_1", "relu4_1"]),
            network(images, ["relu1_1", "relu4_1"]),
        )
        for layer, x in features.items():
            assert x.dtype == dtype
            error = (x.float() - wanted[layer]).square().mean() / wanted[layer].square().mean()
            assert 0 < error.sqrt() < 0.05, layer

    def test_a_gradient_comes_back_to_the_picture_in_float32(self, lite: VGG19Features, images: Tensor) -> None:
        picture = images.clone().requires_grad_()
        lite.cast(torch.bfloat16)(picture, ["relu3_1"])["relu3_1"].float().sum().backward()
        assert picture.grad is not None
        assert picture.grad.dtype == torch.float32
        assert picture.grad.abs().max() > 0

    def test_nothing_is_shared(self, lite: VGG19Features, images: Tensor) -> None:
        before, sha256 = lite(images, ["relu2_1"])["relu2_1"], lite.sha256
        with torch.inference_mode():
            other = lite.cast(torch.bfloat16)
        for tensor in (*other.parameters(), *other.buffers()):
            assert not tensor.is_inference()
            assert not tensor.requires_grad
            tensor.zero_()
        assert torch.equal(lite(images, ["relu2_1"])["relu2_1"], before)
        assert (lite.dtype, lite.sha256) == (torch.float32, sha256)
        assert (other.dtype, other.sha256) == (torch.bfloat16, None)

    def test_its_own_precision_takes_no_copy(self, lite: VGG19Features) -> None:
        assert lite.cast(torch.float32) is lite

    def test_colours_are_mapped_in_float32(self, lite: VGG19Features, images: Tensor) -> None:
        other, layers = lite.cast(torch.bfloat16), ["relu1_1"]
        assert torch.equal(other.color_matrix, lite.color_matrix)
        assert not torch.equal(other(images, layers)["relu1_1"], other(images.bfloat16(), layers)["relu1_1"])
