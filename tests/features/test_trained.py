"""Files of trained extractors: they hold their own name and shape, and are given by their path."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from styletransfer import samples
from styletransfer.errors import OptionError, WeightsError
from styletransfer.features import create_extractor, own_file
from styletransfer.images import load_image
from styletransfer.weights import catalogue, installed, store
from styletransfer.weights.formats import TRAINED, VGG19_LITE, trained_format, trained_metadata
from styletransfer.weights.tensor_files import in_8_bits, open_tensors, scaled

WIDTHS = (4, 5, 6, 7, 8)
Write = Callable[..., Path]


def tensors() -> dict[str, Tensor]:
    """Random convolutions to conv3_1, and a colour map."""
    made, channels = {"color.weight": torch.randn(3, 3, 1, 1), "color.bias": torch.randn(3)}, 3
    for conv in ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1"):
        width = WIDTHS[int(conv[4]) - 1]
        made |= {f"{conv}.weight": torch.randn(width, channels, 3, 3), f"{conv}.bias": torch.randn(width)}
        channels = width
    return made


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A function that writes a file; `spec` replaces parts of its description, `without` leaves out a tensor."""

    def make(without: str = "", **spec: Any) -> Path:
        metadata = trained_metadata("mine", WIDTHS, "conv3_1", {"steps": 3})
        metadata["spec"] = json.dumps(json.loads(metadata["spec"]) | spec)
        path = tmp_path / "mine.safetensors"
        save_file({k: x for k, x in tensors().items() if k != without}, path, metadata)
        return path

    return make


class TestLowRank:
    """The embedded network of low rank, and what damaged files of its kind are told."""

    def test_stands_for_vgg19_itself(self) -> None:
        if problem := installed.problem(catalogue.find("vgg19-oxford")):
            pytest.skip(problem)
        teacher = create_extractor("vgg19-oxford", device="cpu", padding="reflect")
        student = create_extractor("vgg19-lite", device="cpu")
        assert student.widths == teacher.widths
        picture = load_image(samples.draw("harbour", long_edge=96))
        with torch.no_grad():
            for layer, most in (("relu1_1", 0.01), ("relu3_1", 0.08), ("relu5_1", 0.25)):
                own, wanted = student(picture, [layer])[layer], teacher(picture, [layer])[layer]
                spread = (wanted - wanted.mean(dim=(2, 3), keepdim=True)).square().sum()
                assert (own - wanted).square().sum() < most * spread, layer

    def test_its_file_says_what_the_catalogue_says(self) -> None:
        file = open_tensors(store.location(catalogue.find("vgg19-lite")))
        form = trained_format(file.metadata, "vgg19-lite")
        assert (form.ranks, form.widths, form.last) == (VGG19_LITE.ranks, VGG19_LITE.widths, VGG19_LITE.last)

    @pytest.mark.parametrize(
        ("scale", "message"),
        [
            (torch.ones(3), r"needs one scale for each output channel"),
            (torch.ones(2, 1), r"needs one scale for each output channel"),
            (torch.ones(2, dtype=torch.int64), r"needs one scale for each output channel"),
            (torch.tensor([1.0, float("nan")]), r"NaN or infinite"),
            (torch.tensor([1.0, 1e9]), r"a number beyond"),
        ],
    )
    def test_a_wrong_scale_is_refused(self, scale: Tensor, message: str, tmp_path: Path) -> None:
        stored = {"a.weight": torch.full((2, 3, 1, 1), 5, dtype=torch.int8), "a.weight.scale": scale}
        save_file(stored, tmp_path / "a.safetensors")
        file = open_tensors(tmp_path / "a.safetensors")
        assert list(file.shapes) == ["a.weight"]
        with pytest.raises(WeightsError, match=message):
            file.load(["a.weight"])

    @given(st.integers(1, 5), st.integers(1, 5), st.floats(1e-6, 1e3))
    def test_8_bits_are_read_within_half_a_step(self, wanted: int, channels: int, size: float) -> None:
        weight = size * torch.randn(wanted, channels, 3, 3)
        steps, scale = in_8_bits(weight)
        error = (scaled("a", steps, scale) - weight).abs()
        assert bool((error <= 0.501 * scale.view(-1, 1, 1, 1)).all())

    def test_integers_without_a_scale_are_no_weights(self, tmp_path: Path) -> None:
        save_file({"a.weight": torch.ones(2, 3, dtype=torch.int8)}, tmp_path / "a.safetensors")
        with pytest.raises(WeightsError, match="wanted are floating-point numbers"):
            open_tensors(tmp_path / "a.safetensors").load(["a.weight"])


def test_by_its_path(write: Write) -> None:
    path = write()
    for source in (path, str(path)):
        extractor = create_extractor(source, device="cpu")
        assert (extractor.name, extractor.widths) == ("mine", WIDTHS)
        assert (extractor.padding, extractor.ceil_mode) == ("reflect", False)
        assert extractor.available[-1] == "relu3_1"
    expected = load_file(path)
    assert torch.equal(extractor.convs["conv3_1"].weight, expected["conv3_1.weight"])
    assert torch.equal(extractor.color_bias, expected["color.bias"])
    features = create_extractor(path, device="cpu", pooling="avg")(torch.rand(1, 3, 16, 24), ["relu3_1"])
    assert features["relu3_1"].shape == (1, 6, 4, 6)


def test_the_notes_are_kept() -> None:
    metadata = trained_metadata("mine", WIDTHS, "conv3_1", {"steps": 3})
    assert metadata["format"] == TRAINED
    assert json.loads(metadata["spec"])["notes"] == {"steps": 3}
    assert trained_format(metadata, "mine").last == "conv3_1"


@pytest.mark.parametrize(
    ("name", "is_path"),
    [("vgg19", False), ("vgg91", False), ("own.safetensors", True), ("folder/own", True), (Path("own"), True)],
)
def test_what_is_meant_as_a_path(name: str | Path, is_path: bool) -> None:
    assert (own_file(name) is not None) == is_path


def test_bad_input(write: Write, lite_file: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r'The weight file ".*none\.safetensors" does not exist'):
        create_extractor(tmp_path / "none.safetensors", device="cpu")
    with pytest.raises(WeightsError, match=r"not an extractor that was trained with this package; .*set's name"):
        create_extractor(lite_file, device="cpu")
    with pytest.raises(OptionError, match=r"vgg91.*Did you mean"):
        create_extractor("vgg91", device="cpu")
    with pytest.raises(WeightsError, match=r"has no tensor 'conv2_2\.bias', so it is not a file of 'mine'"):
        create_extractor(write(without="conv2_2.bias"), device="cpu")
    with pytest.raises(
        WeightsError, match=r"conv1_1\.weight has shape \(4, 3, 3, 3\), 'mine' wants \(9, 3, 3, 3\)"
    ):
        create_extractor(write(widths=[9, 5, 6, 7, 8]), device="cpu")


@pytest.mark.parametrize(
    "spec", [{"widths": [1, 2]}, {"widths": [0, 1, 1, 1, 1]}, {"widths": None}, {"last": "conv9_9"}, {"last": 3}]
)
def test_a_damaged_description(write: Write, spec: dict[str, Any]) -> None:
    with pytest.raises(WeightsError, match="the description of the extractor in its metadata is damaged"):
        create_extractor(write(**spec), device="cpu")


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_no_description(text: str) -> None:
    with pytest.raises(WeightsError, match=r"mine\.safetensors: the description .* is damaged"):
        trained_format({"format": TRAINED, "spec": text}, "mine.safetensors")
