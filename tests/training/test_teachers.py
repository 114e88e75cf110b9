"""Networks that are learnt from: their file formats, heads, and who gives which tap."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from styletransfer.errors import OptionError, WeightsError
from styletransfer.features.vgg import VGG19Features
from styletransfer.training.teachers import OXFORD_MEAN, LossNetwork, Teacher, load_teacher
from styletransfer.weights.formats import trained_metadata


def stored(network: VGG19Features) -> dict[str, Tensor]:
    """An extractor's tensors as its file has them."""
    tensors = network.convs.state_dict() | {
        "color.weight": network.color_matrix,
        "color.bias": network.color_bias,
    }
    return {name: x.contiguous() for name, x in tensors.items()}


class TestLoad:
    def test_oxford_takes_0_to_255_minus_its_mean(self, oxford_file: Path) -> None:
        teacher = load_teacher(oxford_file)
        assert teacher.exact
        assert teacher.layers[-1] == "relu3_1"
        images = torch.rand(2, 3, 20, 24)
        first = teacher.network.convs["conv1_1"]
        shifted = 255 * images - torch.tensor(OXFORD_MEAN).view(1, 3, 1, 1)
        expected = F.conv2d(F.pad(shifted, (1, 1, 1, 1), mode="reflect"), first.weight, first.bias).relu()
        torch.testing.assert_close(teacher(images, ["relu1_1"])["relu1_1"], expected, rtol=1e-4, atol=1e-3)

    def test_a_narrow_one_predicts_through_its_heads(self, small_file: Path) -> None:
        teacher = load_teacher(str(small_file))
        assert not teacher.exact
        assert teacher.layers[0] == "relu3_1"  # those with a head
        images = torch.rand(1, 3, 32, 32)
        taps = teacher(images, ["relu2_1", "relu4_1"])
        assert taps["relu2_1"].shape == (1, 6, 16, 16)  # no head
        assert taps["relu4_1"].shape == (1, 10, 4, 4)
        narrow = teacher.network(images, ["relu4_1"])["relu4_1"]
        head = teacher.get_buffer("relu4_1_weight"), teacher.get_buffer("relu4_1_bias")
        torch.testing.assert_close(taps["relu4_1"], F.relu(F.conv2d(narrow, *head)))

    def test_the_name_of_an_extractor(self) -> None:
        assert load_teacher("vgg19-lite-1").network.name == "vgg19-lite-1"

    def test_the_file_of_a_trained_extractor(self, narrow: VGG19Features, tmp_path: Path) -> None:
        path = tmp_path / "trained.safetensors"
        save_file(stored(narrow), path, metadata=trained_metadata("mine", narrow.widths, "conv4_1"))
        teacher = load_teacher(path)
        assert (teacher.network.name, teacher.network.widths) == ("mine", narrow.widths)

    def test_a_file_in_the_format_of_vgg19_lite(self, extractor: VGG19Features, tmp_path: Path) -> None:
        save_file(stored(extractor), tmp_path / "lite.safetensors")
        images = torch.rand(1, 3, 16, 16)
        got = load_teacher(tmp_path / "lite.safetensors")(images, ["relu5_1"])["relu5_1"]
        torch.testing.assert_close(got, extractor(images, ["relu5_1"])["relu5_1"])

    def test_bad_input(self, tmp_path: Path) -> None:
        with pytest.raises(OptionError, match=r'no teacher "vgg16"\. Give the name .*vgg19-lite.* or the path'):
            load_teacher("vgg16")
        save_file({"other.weight": torch.zeros(2)}, tmp_path / "other.safetensors")
        with pytest.raises(
            WeightsError, match=r"is no teacher, .*known formats; its first tensor: 'other.weight'"
        ):
            load_teacher(tmp_path / "other.safetensors")


STYLE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")


@pytest.mark.parametrize("victim", ["conv0.bias", "conv31.bias", "conv21.weight", "conv41_aux.bias"])
def test_a_damaged_file_is_an_error_of_ours(small_file: Path, victim: str) -> None:
    tensors = load_file(small_file)
    tensors[victim] = torch.zeros(7)
    for held in (tensors, {k: x for k, x in tensors.items() if k != victim}):
        save_file(held, small_file)
        with pytest.raises(WeightsError, match=r"small\.safetensors"):
            load_teacher(small_file)(torch.rand(1, 3, 32, 32), ["relu4_1"])


class TestLossNetwork:
    def test_exact_layers_come_before_predicted_ones(self, oxford_file: Path, small_file: Path) -> None:
        for order in ((oxford_file, small_file), (small_file, oxford_file)):
            network = LossNetwork([load_teacher(path) for path in order])
            assert network.style_layers == (*STYLE, "relu5_1")
            assert network.content_layer == "relu4_2"
            layers = network(torch.rand(1, 3, 32, 32))
            assert tuple(layers) == (*STYLE, "relu5_1", "relu4_2")
            assert [x.shape[1] for x in layers.values()] == [64, 128, 256, 10, 10, 10]

    def test_a_shallow_one_has_four_layers(self, narrow: VGG19Features) -> None:
        network = LossNetwork([Teacher(narrow)])
        assert network.style_layers == STYLE
        assert network.content_layer == "relu4_1"
        assert list(network(torch.rand(1, 3, 32, 32), ["relu2_1"])) == ["relu2_1"]

    def test_a_layer_that_none_has(self, oxford_file: Path) -> None:
        with pytest.raises(OptionError, match=r"None of the loss networks has relu4_1; the losses need relu1_1"):
            LossNetwork([load_teacher(oxford_file)])

    def test_is_frozen(self, narrow: VGG19Features, small_file: Path) -> None:
        network = LossNetwork([Teacher(narrow), load_teacher(small_file)])
        assert not any(parameter.requires_grad for parameter in network.parameters())
