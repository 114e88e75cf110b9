"""At which size a result is compared with its content."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from styletransfer.errors import ImageError
from styletransfer.evaluating.reading import PairReader, judged_size, read_style


@pytest.mark.parametrize(
    ("stylized", "content", "long_edge", "expected"),
    [
        ((48, 64), (48, 64), None, (48, 64)),
        ((48, 64), (480, 640), None, (48, 64)),
        ((341, 512), (667, 1000), None, (341, 512)),  # 341.5 rounds to 342
        ((340, 512), (667, 1000), None, None),
        ((480, 640), (48, 64), None, (48, 64)),  # the result was enlarged: nothing else is
        ((480, 640), (960, 1280), 64, (48, 64)),
        ((64, 64), (48, 64), None, None),
        ((64, 48), (48, 64), None, None),  # turned
    ],
)
def test_the_size(
    stylized: tuple[int, int], content: tuple[int, int], long_edge: int | None, expected: tuple[int, int] | None
) -> None:
    assert judged_size(stylized, content, long_edge) == expected


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, size in (("content", (640, 480)), ("s64", (64, 48)), ("s64x47", (64, 47)), ("s32", (32, 24))):
        Image.radial_gradient("L").resize(size).convert("RGB").save(f"{name}.png")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "long_edge", "shape"),
    [("s64", None, (48, 64)), ("s64x47", None, (47, 64)), ("s64", 32, (24, 32)), ("s64x47", 64, (48, 64))],
)
def test_both_have_one_size(folder: Path, name: str, long_edge: int | None, shape: tuple[int, int]) -> None:
    stylized, content = (picture.rgb for picture in PairReader(long_edge).read(f"{name}.png", "content.png"))
    assert stylized.shape == content.shape == (1, 3, *shape)
    assert (stylized - content).abs().mean() < 0.02  # the same picture, whichever was reduced
    assert read_style("content.png", shape).rgb.shape == (1, 3, shape[1] * 3 // 4, shape[1])


def test_results_of_one_pair_have_one_size(folder: Path) -> None:
    reader = PairReader()
    assert reader.read("s64x47.png", "content.png", (48, 64))[0].rgb.shape == (1, 3, 48, 64)
    for name, size in (("s32.png", (48, 64)), ("s64.png", (24, 32))):
        with pytest.raises(ImageError, match=r"its pair is judged at .*: long_edge=32 \(--long-edge 32\)"):
            reader.read(name, "content.png", size)
    with pytest.raises(ImageError, match=r"is 32x24 pixels, but its pair is judged at 64x48"):
        PairReader(64).read("s32.png", "content.png")


def test_another_shape_is_refused_with_both_sizes(folder: Path) -> None:
    Image.new("RGB", (64, 64)).save("square.png")
    with pytest.raises(
        ImageError, match=r'"square.png" is 64x64 pixels, its content "content.png" 640x480 .*Crop'
    ):
        PairReader().read("square.png", "content.png")


def test_a_content_is_read_anew_for_each_reader(folder: Path) -> None:
    before = PairReader().read("s64.png", "content.png")[1].rgb
    Image.new("RGB", (640, 480)).save("content.png")
    assert not before.equal(PairReader().read("s64.png", "content.png")[1].rgb)
