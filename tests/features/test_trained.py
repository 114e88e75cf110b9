"""Files of trained extractors: they hold their own name and shape, and are given by their path."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from styletransfer.errors import OptionError, WeightsError
from styletransfer.features import create_extractor, own_file
from styletransfer.weights.formats import TRAINED, trained_format, trained_metadata

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


def test_by_its_path(write: Write) -> None:
    path = write()
    for given in (path, str(path)):
        extractor = create_extractor(given, device="cpu")
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
