"""TIFFs of every kind of sample, each against its own definition; written here from TIFF 6.0."""

from __future__ import annotations

import io
import itertools
import re
import struct
import time
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from styletransfer.errors import ImageError
from styletransfer.images import load_image, read_picture

Array = np.ndarray
Tags = dict[int, Any]


def directory(order: str, tags: Tags, at: int) -> tuple[bytes, int]:
    """One directory that is placed at `at`; numbers are stored as LONG. Where the next one's place goes, too."""
    entries, more = b"", b""
    end = at + 2 + 12 * len(tags) + 4
    for tag, value in sorted(tags.items()):
        values = value if isinstance(value, tuple) else (value,)
        kind = "H" if tag in (258, 339, 338, 320) else "I"
        packed = struct.pack(f"{order}{len(values)}{kind}", *values)
        if len(packed) > 4:
            packed, more = struct.pack(f"{order}I", end + len(more)), more + packed + b"\0" * (len(packed) % 2)
        entries += struct.pack(f"{order}HHI", tag, 3 if kind == "H" else 4, len(values)) + packed.ljust(4, b"\0")
    return struct.pack(f"{order}H", len(tags)) + entries + struct.pack(f"{order}I", 0) + more, end - 4


def tiff(*pages: tuple[Tags, bytes], order: str = "<", compression: int = 1) -> bytes:
    """A TIFF whose pages have one strip each."""
    out = bytearray((b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 0))
    link = 4
    for tags, raw in pages:
        data = zlib.compress(raw) if compression == 8 else raw
        strip = len(out)
        out += data + b"\0" * (len(data) % 2)
        struct.pack_into(f"{order}I", out, link, len(out))
        whole = {259: compression, 273: strip, 277: 1, 278: tags[257], 279: len(data)} | tags
        body, link = directory(order, whole, len(out))
        out += body
    return bytes(out)


WIDTH, HEIGHT = 64, 16


def grey(levels: Array, bits: int, photometric: int, order: str, **tags: Any) -> tuple[Tags, bytes]:
    """A page from (H, W) whole numbers of `bits` bits."""
    if bits in (8, 16, 32):
        raw = levels.astype(f"{order}u{bits // 8}").tobytes()
    else:  # rows are packed, the first pixel in the highest bits
        shifts = np.arange(bits)[::-1]
        raw = b"".join(np.packbits((row[:, None] >> shifts) & 1).tobytes() for row in levels)
    return {254: 0, 256: levels.shape[1], 257: levels.shape[0], 258: bits, 262: photometric, 339: 1} | tags, raw


def ramp(bits: int) -> Array:
    """(HEIGHT, WIDTH) from 0 to the largest number of `bits` bits."""
    return np.tile(np.linspace(0, 2**bits - 1, WIDTH).round().astype(np.int64), (HEIGHT, 1))


#: Depth, photometric interpretation and order that Pillow cannot read: refused by their names.
UNREAD = [(12, 0, "<"), (12, 0, ">"), (12, 1, ">"), (16, 0, ">")]


@pytest.mark.parametrize("compression", [1, 8])
@pytest.mark.parametrize(
    ("bits", "photometric", "order"), list(itertools.product((1, 2, 4, 8, 12, 16), (0, 1), ("<", ">")))
)
def test_grey_of_every_depth(bits: int, photometric: int, order: str, compression: int) -> None:
    levels = ramp(bits)
    data = tiff(grey(levels, bits, photometric, order), order=order, compression=compression)
    if (bits, photometric, order) in UNREAD:
        kind = "grey with white as 0" if photometric == 0 else "grey"
        with pytest.raises(ImageError) as caught:
            load_image(data)
        assert f"it is a TIFF of {bits}-bit whole numbers ({kind}, compression {compression})" in str(caught.value)
        return
    expected = levels / (2**bits - 1)
    np.testing.assert_allclose(
        load_image(data)[0, 1].numpy(), expected if photometric else 1 - expected, atol=1e-6
    )


@pytest.mark.parametrize(
    ("bits", "photometric", "kind", "name"),
    [
        (8, 1, 2, "8-bit signed whole numbers (grey"),
        (16, 1, 2, "16-bit signed whole numbers (grey"),
        (32, 1, 1, "32-bit whole numbers (grey"),
        (32, 1, 2, "32-bit signed whole numbers (grey"),
        (16, 1, 3, "16-bit floating-point numbers (grey"),
        (8, 4, 1, "8-bit whole numbers (mask"),
        (16, 32803, 1, "16-bit whole numbers (a camera's raw colour filter"),
        (8, 999, 1, "8-bit whole numbers (photometric interpretation 999"),
        (24, 1, 1, "24-bit whole numbers (grey"),
    ],
)
def test_other_samples_are_refused_by_name(bits: int, photometric: int, kind: int, name: str) -> None:
    tags, _ = grey(ramp(8), 8, photometric, "<")
    data = tiff((tags | {258: bits, 339: kind}, bytes(WIDTH * HEIGHT * bits // 8)))
    with pytest.raises(ImageError, match=re.escape(f"a TIFF of {name}, compression 1)")):
        load_image(data)


@pytest.mark.parametrize("photometric", [0, 1])
def test_floats(photometric: int) -> None:
    values = np.random.default_rng(0).random((HEIGHT, WIDTH), dtype=np.float32)
    tags, _ = grey(ramp(8), 8, photometric, "<")
    page = tags | {258: 32, 339: 3}
    np.testing.assert_allclose(
        load_image(tiff((page, values.tobytes())))[0, 0].numpy(), values if photometric else 1 - values, atol=1e-6
    )
    with pytest.raises(ImageError, match=r"values from .* to 25.*divide by 255"):
        load_image(tiff((page, (values * 254).tobytes())))


@pytest.mark.parametrize("bits", [32, 64])
def test_floats_of_several_channels_are_named(bits: int) -> None:
    page = {254: 0, 256: WIDTH, 257: HEIGHT, 258: (bits,) * 3, 262: 2, 277: 3, 339: (3, 3, 3)}
    with pytest.raises(ImageError, match=rf"TIFF of {bits}, {bits}, {bits}-bit floating-point numbers \(RGB"):
        load_image(tiff((page, bytes(WIDTH * HEIGHT * 3 * bits // 8))))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("extra", [None, 0, 1, 2])
def test_colours_of_every_kind_of_fourth_sample(bits: int, order: str, extra: int | None) -> None:
    """None; 0 unspecified, which is no transparency; 1 premultiplied; 2 not premultiplied."""
    top, alpha = 2**bits - 1, 0.6
    colour = np.array([0.5, 0.25, 0.125]) * (alpha if extra == 1 else 1)
    samples = [*colour, alpha][: 3 if extra is None else 4]
    raw = np.tile(np.rint(np.array(samples) * top), (HEIGHT, WIDTH, 1)).astype(f"{order}u{bits // 8}")
    page = {254: 0, 256: WIDTH, 257: HEIGHT, 258: (bits,) * len(samples), 262: 2, 277: len(samples)}
    if extra is not None:
        page[338] = extra
    picture = read_picture(tiff((page, raw.tobytes()), order=order))
    np.testing.assert_allclose(picture.rgb[0, :, 3, 4].numpy(), [0.5, 0.25, 0.125], atol=2 / 255)
    assert (picture.alpha is None) == (extra in (None, 0))
    if picture.alpha is not None:
        assert abs(picture.alpha.mean() - alpha) < 1 / 255


# --- several pages -----------------------------------------------------------------------------------------


def page(height: int, width: int, value: int, **tags: int) -> tuple[Tags, bytes]:
    plain, raw = grey(np.full((height, width), value), 8, 1, "<")
    return plain | {int(name[1:]): tag for name, tag in tags.items()}, raw


THUMBNAIL = page(24, 32, 50, t254=1)


@pytest.mark.parametrize(
    ("pages", "frame", "several"),
    [
        ([page(60, 80, 200), THUMBNAIL], 0, False),
        ([THUMBNAIL, page(60, 80, 200)], 1, False),
        ([THUMBNAIL, page(60, 80, 9, t254=4), page(60, 80, 200)], 2, False),  # a mask
        ([page(24, 32, 50, t255=2), page(60, 80, 200, t255=1)], 1, False),  # the tag that came before 254
        ([THUMBNAIL, page(60, 80, 200, t254=2), page(90, 90, 9, t254=2)], 1, True),
        ([page(60, 80, 200), page(90, 90, 9)], 0, True),
        ([THUMBNAIL, page(60, 80, 200, t254=1)], 1, False),  # all of them marked: the largest
        ([(THUMBNAIL[0] | {258: 24}, b"0" * 9999), THUMBNAIL], None, False),  # the first is not read at all
    ],
)
def test_the_full_picture_is_taken(pages: list[tuple[Tags, bytes]], frame: int | None, several: bool) -> None:
    if frame is None:
        with pytest.raises(ImageError, match="it is a TIFF of 24-bit whole numbers"):
            read_picture(tiff(*pages))
        return
    picture = read_picture(tiff(*pages), quiet=True)
    assert picture.rgb.shape == (1, 3, 60, 80)
    assert (picture.rgb * 255).round().unique().tolist() == [200]
    assert picture.frame == frame
    assert bool(picture.notes) == several
    chosen = read_picture(tiff(*pages), frame=1)
    assert chosen.rgb.shape[2] == pages[1][0][257]


def test_a_raw_file_with_a_preview_is_refused() -> None:
    with pytest.raises(ImageError, match=r"holds only a small preview that can be read, as camera raw files do\."):
        read_picture(tiff(page(24, 32, 50, t254=1, t330=8)))
    assert read_picture(tiff(THUMBNAIL)).rgb.shape == (1, 3, 24, 32)  # a lone page that is marked by mistake


def test_an_open_image_at_its_thumbnail_is_refused() -> None:
    with Image.open(io.BytesIO(tiff(THUMBNAIL, page(60, 80, 200)))) as image:
        with pytest.raises(ImageError, match=r"is at a thumbnail of the picture; .* image\.seek"):
            read_picture(image)
        image.seek(1)
        picture = read_picture(image)
    assert (picture.rgb.shape, picture.frame) == ((1, 3, 60, 80), 1)


def test_a_thousand_pages_are_looked_through_quickly() -> None:
    started = time.process_time()
    pages = [page(16, 16, 50, t254=1)] * 1500
    assert read_picture(tiff(*pages)).rgb.shape == (1, 3, 16, 16)
    assert time.process_time() - started < 2
