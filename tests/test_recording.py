"""Records of runs that suffice to repeat them, and what a notebook shows of a result."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch

import styletransfer as st
from styletransfer import samples
from styletransfer.errors import OutputError
from styletransfer.images import Picture, read_picture, save_image
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
    assert record["hashes"]["weights"] == {"vgg19-lite": store.expected_sha256(CATALOGUE["vgg19-lite"])}


def test_a_record_names_the_parts(pair: tuple[Path, Path]) -> None:
    record = st.stylize(*pair, device="cpu").record()
    assert record["parts"] == {"decoder": "lite"}
    assert set(record["hashes"]["weights"]) == {"vgg19-lite", "lite"}


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
    mask = save_image(torch.ones(1, 3, 20, 20), tmp_path / "mask.png")
    result = st.stylize(*pair, masks=[mask], strength=0.5, device="cpu")
    record = result.record()
    assert record["strength"] == 0.5
    assert record["hashes"]["masks"] == [hashlib.sha256(mask.read_bytes()).hexdigest()]
    with pytest.raises(OutputError, match="inputs are never overwritten"):
        result.save(mask)
