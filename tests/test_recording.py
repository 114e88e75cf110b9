"""Records of runs that suffice to repeat them, and what a notebook shows of a result."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

import styletransfer as st
from styletransfer import samples
from styletransfer.errors import (
    CompareInterrupted,
    DivergenceError,
    ImageError,
    OptionError,
    OutputError,
    SheetInterrupted,
    StylizeInterrupted,
)
from styletransfer.images import Picture, read_picture, save_image
from styletransfer.methods.gatys.config import GatysConfig
from styletransfer.recording import html_page, picture_hash, plain, weight_hashes
from styletransfer.weights import store
from styletransfer.weights.catalogue import CATALOGUE


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pair")
    content, style = (samples.draw(name, long_edge=48) for name in ("valley", "mosaic"))
    return save_image(content, folder / "content.png"), save_image(style, folder / "style.png")


def test_a_record_repeats_the_run(pair: tuple[Path, Path]) -> None:
    result = st.stylize(*pair, method="gatys", steps=3, preset="d2l", device="cpu")
    record = json.loads(json.dumps(result.record(), allow_nan=False))
    options = {name: value for name, value in record["config"].items() if value is not None}
    again = st.stylize(*pair, method=record["method"], extractor=record["extractor"], device="cpu", **options)
    assert torch.equal(again.image, result.image)
    assert record["versions"]["styletransfer"] == st.__version__
    assert record["hashes"]["content"] == hashlib.sha256(pair[0].read_bytes()).hexdigest()
    assert record["hashes"]["styles"] == [hashlib.sha256(pair[1].read_bytes()).hexdigest()]
    assert record["hashes"]["weights"] == {"vgg19-lite-1": store.expected_sha256(CATALOGUE["vgg19-lite-1"])}


def test_a_record_names_the_parts(pair: tuple[Path, Path]) -> None:
    record = st.stylize(*pair, device="cpu").record()
    assert record["parts"] == {"decoder": "lite"}
    assert set(record["hashes"]["weights"]) == {"vgg19-lite-1", "lite"}


def test_pictures_from_memory_are_known_by_their_pixels() -> None:
    first, second = Picture(rgb=torch.zeros(1, 3, 16, 16)), Picture(rgb=torch.full((1, 3, 16, 16), 1 / 255))
    assert picture_hash(first) != picture_hash(second)
    assert picture_hash(first) == picture_hash(read_picture(first.rgb))


def test_own_weight_files_are_hashed(tmp_path: Path) -> None:
    (tmp_path / "own.safetensors").write_bytes(b"x")
    assert weight_hashes(str(tmp_path / "own.safetensors"), "an object") == {
        "own.safetensors": hashlib.sha256(b"x").hexdigest(),
        "an object": None,
    }


def test_plain_values_are_json_ready() -> None:
    assert plain({1: (torch.zeros(2), Path("x"), None)}) == {"1": ["tensor (2,)", "x", None]}


class TestNotebook:
    def test_a_result_shows_itself(self, pair: tuple[Path, Path]) -> None:
        result = st.stylize(*pair, device="cpu")
        assert repr(result).startswith("<Stylization adain, 48x36 pixels, ")
        assert len(repr(result)) < 100
        assert result._repr_png_().startswith(b"\x89PNG")
        page = result._repr_html_()
        assert page.count("<img ") == 3
        for text in (">content<", ">style<", f"{result.seconds:.2f} s", "style "):
            assert text in page, text

    def test_large_pictures_are_shown_small_and_captions_are_escaped(self) -> None:
        page = html_page({"<b>": torch.rand(1, 3, 800, 900)}, {})
        assert "&lt;b&gt;" in page
        assert len(page) < 600_000


def test_masks_and_strength_are_recorded_and_masks_are_never_overwritten(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    mask = save_image(torch.ones(1, 3, 36, 48), tmp_path / "mask.png")
    result = st.stylize(*pair, masks=[mask], strength=0.5, device="cpu")
    record = result.record()
    assert record["strength"] == 0.5
    assert record["hashes"]["masks"] == [hashlib.sha256(mask.read_bytes()).hexdigest()]
    with pytest.raises(OutputError, match="inputs are never overwritten"):
        result.save(mask)


class TestInputsAreNeverOverwritten:
    """On any path by which a picture can come in."""

    def test_a_start(self, pair: tuple[Path, Path], tmp_path: Path) -> None:
        own = save_image(read_picture(pair[0]).rgb, tmp_path / "own.png")
        for init in (str(own), PIL.Image.open(own)):
            result = st.stylize(*pair, method="gatys", steps=1, scales=(1.0,), init=init, device="cpu")
            with pytest.raises(OutputError, match="inputs are never overwritten"):
                result.save(own)

    def test_a_style_that_was_encoded(self, pair: tuple[Path, Path]) -> None:
        stylizer = st.create_stylizer("adain", device="cpu")
        encoded = stylizer.encode_style(pair[1])  # type: ignore[attr-defined]
        assert repr(encoded) == "<EncodedStyle vgg19-lite-1, 4 layers>"
        for save in (stylizer.stylize(pair[0], encoded).save, encoded.save):
            with pytest.raises(OutputError, match="inputs are never overwritten"):
                save(pair[1])

    def test_a_file_that_is_open(self, pair: tuple[Path, Path]) -> None:
        before = pair[0].read_bytes()
        result = st.stylize(*pair, device="cpu")
        with (
            os.fdopen(os.open(pair[0], os.O_RDWR), "r+b") as file,
            pytest.raises(OutputError, match="inputs are never overwritten"),
        ):
            result.save(file, format="png")
        assert pair[0].read_bytes() == before


@pytest.mark.parametrize(
    "error",
    [
        DivergenceError("a", term="b", image=torch.zeros(1)),
        StylizeInterrupted("a", stylization=1),
        CompareInterrupted("a", comparison=2),
        SheetInterrupted("a", sheet=2),
    ],
    ids=lambda error: type(error).__name__,
)
def test_exceptions_come_back_from_other_processes(error: BaseException) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert (str(back), set(vars(back))) == (str(error), set(vars(error)))


def test_another_preset_of_a_copy_is_applied() -> None:
    copy = GatysConfig(style_weight=3.0).replaced(preset="gatys2016")
    assert (copy.style_weight, copy.loss_scale) == (1e3, "gatys2016")
    assert GatysConfig(preset="d2l").replaced(steps=7).tv_weight == 10.0


def test_nothing_belongs_where_a_mask_is_transparent(pair: tuple[Path, Path]) -> None:
    pixels = np.zeros((36, 48, 4), np.uint8)
    pixels[:, :24] = 255
    content = st.load_image(pair[0])
    image = st.stylize(content, st.load_image(pair[1]), masks=[PIL.Image.fromarray(pixels)], device="cpu").image
    assert (image - content)[..., 24:].abs().max() < 0.01
    assert (image - content)[..., :24].abs().max() > 0.1


@pytest.mark.parametrize(
    "strength",
    [
        torch.ones(1, 1, 36, 48).to_sparse(),
        torch.ones(1, 1, 36, 48, dtype=torch.complex64),
        torch.ones(1, 1, 36, 48, device="meta"),
        torch.full((1, 1, 36, 48), torch.nan),
    ],
    ids=["sparse", "complex", "meta", "nan"],
)
def test_odd_strength_maps_are_refused(pair: tuple[Path, Path], strength: torch.Tensor) -> None:
    with pytest.raises(ImageError, match="strength map"):
        st.stylize(*pair, strength=strength, device="cpu")


@pytest.mark.parametrize(
    "options", [{"steps": 10**5000}, {"seed": 10**5000}, {"learning_rate": 1e39}, {"preset": ["d2l"], "scales": 1}]
)
def test_absurd_options_are_our_own_errors(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        GatysConfig(**options)
