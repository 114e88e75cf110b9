"""Pictures written to file objects, with a quality and with metadata."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from styletransfer.errors import OptionError, OutputError
from styletransfer.images import check_output, encode_image, load_image, save_image

GREY = torch.full((1, 3, 20, 30), 0.5)


@pytest.mark.parametrize("name", ["png", "jpg", ".JPEG", "webp", "tiff", "bmp"])
def test_a_file_object_gets_the_bytes_of_the_file(tmp_path: Path, name: str) -> None:
    path = save_image(GREY, tmp_path / f"a.{name.lstrip('.')}")
    buffer = io.BytesIO()
    assert save_image(GREY, buffer, format=name) is None
    assert path is not None
    assert buffer.getvalue() == encode_image(GREY, format=name) == path.read_bytes()
    assert load_image(buffer.getvalue()).shape == GREY.shape


def test_an_unbuffered_file_gets_everything() -> None:
    class Slow(io.RawIOBase):
        taken = b""

        def writable(self) -> bool:
            return True

        def write(self, data: Any, /) -> int:
            self.taken += bytes(data[:100])
            return min(100, len(data))

    slow = Slow()
    save_image(GREY, slow, format="bmp")  # type: ignore[arg-type]
    assert slow.taken == encode_image(GREY, format="bmp")


def test_file_objects_that_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    save_image(GREY, path)
    before = path.read_bytes()
    (tmp_path / "b").touch()
    closed = io.BytesIO()
    closed.close()
    refusals: list[tuple[Any, str]] = [
        (io.StringIO(), 'opened for text; open it with mode "wb"'),
        (closed, "is closed"),
        ((tmp_path / "b").open("rb"), "opened for reading only"),
        (path.open("r+b"), f'it is the input file "{path}", and inputs are never overwritten'),
    ]
    for file, message in refusals:
        for call in (
            lambda f: check_output(f, protected=[path], format="png"),
            lambda f: save_image(GREY, f, protected=[path], format="png"),
        ):
            with pytest.raises(OutputError, match=message):
                call(file)
        file.close()
    with pytest.raises(OutputError, match=r'no suffix that decides the format; give it, e\.g\. format="png"'):
        save_image(GREY, io.BytesIO())
    assert path.read_bytes() == before


def test_a_file_object_that_fails() -> None:
    class Full(io.BytesIO):
        def write(self, data: Any, /) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match=r"Cannot write to the file object: the disk is full"):
        save_image(GREY, Full(), format="png")


def test_format_takes_the_place_of_the_suffix(tmp_path: Path) -> None:
    with Image.open(save_image(GREY, tmp_path / "a", format="webp")) as image:
        assert image.format == "WEBP"
    with pytest.raises(OptionError, match=r"Unknown picture format 'jgp'. Did you mean \"jpg\"\?"):
        save_image(GREY, tmp_path / "a.png", format="jgp")


@pytest.mark.parametrize("name", ["jpg", "webp"])
def test_quality(name: str) -> None:
    noise = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))
    sizes = [len(encode_image(noise, format=name, quality=quality)) for quality in (1, 50, 100)]
    assert sizes == sorted(set(sizes))
    assert encode_image(noise, format=name, quality=95) == encode_image(noise, format=name)


def test_metadata_is_kept_in_png(tmp_path: Path) -> None:
    path = save_image(GREY, tmp_path / "a.png", metadata={"Title": "Ärger 日本", "record": '{"steps": 5}'})
    with Image.open(path) as image:
        assert image.text == {"Title": "Ärger 日本", "record": '{"steps": 5}'}
    np.testing.assert_array_equal(load_image(path), load_image(encode_image(GREY, format="png")))


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("png", {"quality": 90}, "quality is for JPEG and WebP; PNG has no loss to set; leave it out"),
    ("jpg", {"quality": 0}, "quality must be a whole number of at least 1 and at most 100, got 0"),
    ("webp", {"quality": "90"}, "quality must be a whole number"),
    ("jpg", {"metadata": {"a": "b"}}, "Only PNG carries metadata, not JPEG"),
    ("png", {"metadata": {"": "b"}}, "Each keyword of metadata must be a str of 1 to 79 Latin-1 characters"),
    ("png", {"metadata": {"k" * 80: "b"}}, "1 to 79"),
    ("png", {"metadata": {"日": "b"}}, "Latin-1"),
    ("png", {"metadata": {"a": 3}}, "each text a str"),
    ("png", {"metadata": {"a": "\ud800"}}, "each text a str"),
]


@pytest.mark.parametrize(("name", "options", "message"), REFUSED)
@pytest.mark.parametrize("call", [check_output, lambda path, **options: save_image(GREY, path, **options)])
def test_options_that_a_format_does_not_have(
    tmp_path: Path, call: Callable[..., object], name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        call(tmp_path / f"a.{name}", **options)
    assert list(tmp_path.iterdir()) == []
