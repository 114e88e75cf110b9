"""Odd files of every kind, whole and damaged: a picture or our own error, soon, and nothing else happens."""

from __future__ import annotations

import io
import subprocess
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from styletransfer.errors import ImageError
from styletransfer.images import load_image, read_picture
from styletransfer.images.pixels import resampled

COLOURS = np.random.default_rng(0).integers(0, 256, (24, 32, 4), dtype=np.uint8)


def _converted(mode: str) -> Image.Image:
    image = Image.fromarray(COLOURS)
    if mode == "LAB":
        return Image.merge("LAB", image.convert("RGB").split())
    return image.convert("RGB").convert(mode) if mode in ("P", "CMYK", "YCbCr") else image.convert(mode)


def save(mode: str, file_format: str, **options: Any) -> Callable[[], bytes]:
    def write() -> bytes:
        deep = Image.fromarray(COLOURS[..., 0].astype(np.uint16) * 257)
        image = deep if mode == "I;16" else _converted(mode)
        buffer = io.BytesIO()
        image.save(buffer, file_format, **options)
        return buffer.getvalue()

    return write


def frames(file_format: str) -> Callable[[], bytes]:
    others = [Image.fromarray(np.roll(COLOURS[..., :3], shift, axis=1)) for shift in (3, 9)]
    return save("RGB", file_format, save_all=True, append_images=others)


def turned(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
#: Pillow's major version; Gradio 6 keeps it below 13.
PILLOW = int(PIL.__version__.partition(".")[0])

ODD = {
    **{f"{mode} png": save(mode, "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")},
    **{f"{mode} tiff": save(mode, "TIFF") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")},
    # What Pillow 12 writes as YCbCr, it cannot read.
    **{f"{mode} tiff": save(mode, "TIFF") for mode in ("CMYK", *["YCbCr"] * (PILLOW > 12), "LAB")},
    **{f"{mode} jpeg": save(mode, "JPEG") for mode in ("1", "L", "RGB", "CMYK")},
    **{f"{mode} webp": save(mode, "WEBP") for mode in ("L", "P", "RGB", "RGBA")},
    **{f"{mode} gif": save(mode, "GIF") for mode in ("1", "L", "P", "RGB", "RGBA")},
    **{f"{mode} bmp": save(mode, "BMP") for mode in ("1", "L", "P", "RGB", "RGBA")},
    **{f"{mode} ppm": save(mode, "PPM") for mode in ("1", "L", "RGB", "I;16")},
    **{f"{mode} jpeg2000": save(mode, "JPEG2000") for mode in ("L", "LA", "RGB", "RGBA", "I;16")},
    **{f"{name} tiff": save("RGB", "TIFF", compression=name) for name in ("tiff_lzw", "packbits", "jpeg")},
    **{f"{name} frames": frames(name) for name in ("GIF", "PNG", "WEBP", "TIFF")},
    **{f"turned {name}": save("RGB", name, exif=turned(6)) for name in ("PNG", "JPEG", "TIFF", "WEBP")},
    "progressive": save("RGB", "JPEG", progressive=True),
    "profile": save("RGB", "PNG", icc_profile=SRGB),
    "grey with a colour's profile": save("L", "PNG", icc_profile=SRGB),
    "no profile": save("RGB", "JPEG", icc_profile=b"no profile"),
    "palette, one colour transparent": save("P", "PNG", transparency=3),
    "palette, several transparent": save("P", "PNG", transparency=bytes(range(0, 200, 20))),
    "grey, one value transparent": save("L", "PNG", transparency=7),
    "colour, one transparent": save("RGB", "PNG", transparency=(1, 2, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_files_are_read(name: str) -> None:
    picture = read_picture(ODD[name](), quiet=True)
    assert picture.rgb.shape[2:] == ((32, 24) if name.startswith("turned") else (24, 32))
    assert 0 <= picture.rgb.min() < picture.rgb.max() <= 1
    assert picture.rgb.isfinite().all()
    transparent = "transparent" in name or ("A " in name and name != "RGBA bmp")  # Pillow's say nothing of alpha
    assert (picture.alpha is not None) == transparent
    assert len(picture.notes) == ("frames" in name or name == "no profile")


damage = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8)


@settings(max_examples=150, deadline=2000, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(ODD)), damage, damage, st.floats(0.2, 1.5))
def test_damaged_files_give_a_picture_or_our_own_error(
    name: str, anywhere: list[tuple[float, int]], at_the_start: list[tuple[float, int]], share: float
) -> None:
    data = bytearray(ODD[name]())
    for length, changes in ((len(data) - 1, anywhere), (min(len(data) - 1, 120), at_the_start)):
        for place, value in changes:
            data[int(place * length)] = value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pillow's own about the same file
        try:
            picture = read_picture(data[: int(share * len(data))], quiet=True, max_pixels=10**6)
        except ImageError:
            return
    assert picture.rgb.isfinite().all()


BEGINNINGS = [
    b"", b"\0" * 99, b"P", b"P6 9 9", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff",
    b"RIFF\0\0\0\0WEBPVP8 ", b"GIF89a", b"BM", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n",
]  # fmt: skip


@pytest.mark.parametrize("data", BEGINNINGS)
def test_beginnings_of_files(data: bytes) -> None:
    with pytest.raises(ImageError):
        read_picture(data)


# --- what reading does not do ------------------------------------------------------------------------------

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 40\n%%EndComments\nshowpage\n%%EOF\n"


def test_no_other_program_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("started another program"))
    path = tmp_path / "a.png"
    path.write_bytes(POSTSCRIPT)
    with pytest.raises(ImageError, match=r"it is PostScript, a drawing without pixels\. Export it as PNG\."):
        load_image(path)
    with Image.open(path) as image, pytest.raises(ImageError, match=r"is PostScript, which another program"):
        load_image(image)


def test_threads_leave_nothing_process_wide_changed() -> None:
    data = [make() for make in ODD.values()]

    def state() -> list[object]:
        return [list(warnings.filters), Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES]

    before = state()

    def work(offset: int) -> None:
        for number in range(len(data)):
            read_picture(data[(number + offset) % len(data)], quiet=True)

    threads = [threading.Thread(target=work, args=(10 * offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state() == before


def test_default_dtype_and_inference_mode_change_nothing() -> None:
    sources = [ODD["RGBA png"](), COLOURS, torch.from_numpy(COLOURS).permute(2, 0, 1), torch.rand(3, 24, 30)]
    plain = [read_picture(source, long_edge=22) for source in sources]
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode():
            odd = [read_picture(source, long_edge=22) for source in sources]
    finally:
        torch.set_default_dtype(torch.float32)
    for one, other in zip(plain, odd, strict=True):
        assert other.rgb.dtype == torch.float32
        assert not other.rgb.is_inference()
        assert torch.equal(one.rgb, other.rgb)


# --- large photos ------------------------------------------------------------------------------------------


def photo(height: int, width: int) -> Image.Image:
    small = Image.fromarray(np.random.default_rng(1).integers(0, 256, (30, 40, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("edges", [{"long_edge": 100}, {"short_edge": 60}, {"long_edge": 500}])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_jpeg_is_decoded_smaller_and_looks_the_same(
    monkeypatch: pytest.MonkeyPatch, edges: dict[str, int], orientation: int
) -> None:
    image, buffer = photo(901, 1201), io.BytesIO()
    image.save(buffer, "JPEG", quality=95, exif=turned(orientation))
    with Image.open(buffer) as whole:
        expected = read_picture(whole, **edges).rgb  # type: ignore[arg-type]
    sizes = []
    draft = JpegImageFile.draft
    monkeypatch.setattr(JpegImageFile, "draft", lambda self, *args: sizes.append(args[1]) or draft(self, *args))
    got = read_picture(buffer.getvalue(), **edges).rgb  # type: ignore[arg-type]
    assert len(sizes) == 1
    assert got.shape == expected.shape
    assert (got - expected).abs().max() < 0.015  # 0.15 if the last pixels, which are not full, were stretched


@pytest.mark.parametrize("channels", [3, 4])
def test_large_pictures_are_averaged_before_lanczos_and_look_the_same(channels: int) -> None:
    pixels = np.asarray(photo(703, 1409))
    if channels == 4:
        pixels = np.dstack([pixels, np.full(pixels.shape[:2], 200, np.uint8)])
    exact = resampled([pixels], pixels.shape[:2], (50, 100), 1)
    got = read_picture(pixels, long_edge=100)
    assert np.abs(got.rgb[0].permute(1, 2, 0).numpy() - exact[..., :3]).max() < 0.01


def test_reading_a_large_photo_takes_little_time_and_memory() -> None:
    data = io.BytesIO()
    photo(3000, 4000).save(data, "JPEG")
    started = time.process_time()
    load_image(data.getvalue(), long_edge=512)
    assert time.process_time() - started < 1  # 0.1 s on an idle machine; 2 s with the whole picture decoded
