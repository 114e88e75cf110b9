"""Files and PIL images of every kind that users have; the files are made here."""

from __future__ import annotations

import io
import os
import re
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL
import pytest
import torch
from PIL import Image, ImageCms

from styletransfer.errors import ImageError, OptionError
from styletransfer.images import load_image, read_picture

Array = np.ndarray


def noise(height: int = 20, width: int = 30, channels: int = 3, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def visible(height: int = 20, width: int = 30, channels: int = 4, seed: int = 0) -> Array:
    """Noise with as much of each pixel to be seen as keeps its colours."""
    pixels = noise(height, width, channels, seed)
    pixels[..., 3] = pixels[..., 3].clip(20)
    return pixels


def as_bytes(picture: torch.Tensor) -> Array:
    """(1, C, H, W) in [0, 1] to (H, W, C) uint8."""
    return (picture[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()


def encoded(image: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


# --- ICC profiles, written by hand from ICC.1:2001-04 ------------------------------------------------------


def fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def icc(device_class: bytes, space: bytes, pcs: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        data += b"\0" * (-len(data) % 4)
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data
    head = struct.pack(">I4sI", start + len(body), b"\0" * 4, 0x02400000) + device_class + space + pcs
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + fixed(0.9642, 1.0, 0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + fixed(*values)


LINEAR = b"curv\0\0\0\0" + struct.pack(">I", 0)
# sRGB's primaries adapted to D50, as in its usual profile.
RED, GREEN, BLUE = (0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)


def rgb_profile(red: tuple[float, ...], green: tuple[float, ...], blue: tuple[float, ...]) -> bytes:
    colours = {b"rXYZ": xyz(*red), b"gXYZ": xyz(*green), b"bXYZ": xyz(*blue)}
    curves = {b"rTRC": LINEAR, b"gTRC": LINEAR, b"bTRC": LINEAR}
    return icc(b"mntr", b"RGB ", b"XYZ ", {b"wtpt": xyz(0.9642, 1.0, 0.8249)} | colours | curves)


def grey_profile() -> bytes:
    return icc(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": xyz(0.9642, 1.0, 0.8249), b"kTRC": LINEAR})


def cmyk_profile() -> bytes:
    """Nothing but cyan counts, and cyan is black."""
    nodes = b"".join(bytes([255 if cyan == 0 else 0, 128, 128]) * 8 for cyan in (0, 1))
    ramp = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + ramp * 4 + nodes + ramp * 3
    return icc(b"prtr", b"CMYK", b"Lab ", {b"wtpt": xyz(0.9642, 1.0, 0.8249), b"A2B0": lut})


def srgb_curve(linear: float) -> float:
    """IEC 61966-2-1, from linear light to the stored value."""
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


# --- plain files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp"])
def test_lossless_rgb_file_is_exact(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(noise()).save(path, **({"lossless": True} if suffix == "webp" else {}))
    picture = read_picture(path)
    assert picture.rgb.shape == (1, 3, 20, 30)
    assert picture.rgb.dtype == torch.float32
    assert picture.alpha is None
    assert picture.path == path
    np.testing.assert_array_equal(as_bytes(picture.rgb), noise())


def test_str_and_path_and_open_image_agree(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise()).save(path)
    expected = load_image(path)
    assert torch.equal(load_image(str(path)), expected)
    with Image.open(path) as image:
        picture = read_picture(image)
    assert torch.equal(picture.rgb, expected)
    assert picture.path == path  # an image that knows its file is protected from being overwritten


def test_the_suffix_of_an_input_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "really_a_png.jpg"
    path.write_bytes(encoded(Image.fromarray(noise()), "PNG"))
    np.testing.assert_array_equal(as_bytes(load_image(path)), noise())


def test_pil_image_is_not_changed() -> None:
    image = Image.fromarray(noise(40, 60))
    image.info["icc_profile"] = rgb_profile(GREEN, RED, BLUE)
    before = image.tobytes()
    assert read_picture(image, long_edge=30).path is None
    assert image.tobytes() == before
    assert image.size == (60, 40)


# --- orientation -------------------------------------------------------------------------------------------

UPRIGHT: dict[int, Callable[[Array], Array]] = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_exif_orientation(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(visible(channels=4)).save(path, exif=exif)
    picture = read_picture(path)
    expected = UPRIGHT[orientation](visible(channels=4))
    assert picture.alpha is not None
    np.testing.assert_array_equal(as_bytes(picture.rgb), expected[..., :3])
    np.testing.assert_array_equal(as_bytes(picture.alpha), expected[..., 3:])


def test_orientation_comes_before_the_working_size(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.jpg"
    Image.fromarray(noise(40, 80)).save(path, exif=exif)
    assert load_image(path).shape == (1, 3, 80, 40)
    assert load_image(path, long_edge=40).shape == (1, 3, 40, 20)


@pytest.mark.parametrize("orientation", [0, 9, 99])
def test_unknown_orientation_is_left_alone(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.png"
    Image.fromarray(noise()).save(path, exif=exif)
    np.testing.assert_array_equal(as_bytes(load_image(path)), noise())


# --- colour ------------------------------------------------------------------------------------------------


def test_srgb_profile_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(noise()).save(path, icc_profile=profile)
    assert np.abs(as_bytes(load_image(path)).astype(int) - noise()).max() <= 1


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff"])
def test_linear_profile_is_converted_by_srgbs_curve(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (16, 16), (128, 128, 128)).save(path, icc_profile=rgb_profile(RED, GREEN, BLUE))
    # 128 / 255 of the light is stored as 188 in sRGB.
    assert round(255 * srgb_curve(128 / 255)) == 188
    assert np.abs(as_bytes(load_image(path)).astype(int) - 188).max() <= 1


def test_profile_with_other_primaries(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGBA", (16, 16), (255, 0, 0, 77)).save(path, icc_profile=rgb_profile(GREEN, RED, BLUE))
    picture = read_picture(path)
    assert picture.alpha is not None
    assert np.abs(as_bytes(picture.rgb).astype(int) - (0, 255, 0)).max() <= 2
    assert (as_bytes(picture.alpha) == 77).all()


def test_wide_gamut_profile_against_the_matrix(tmp_path: Path) -> None:
    # Display P3's primaries adapted to D50 (Bradford), with linear curves.
    p3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
    path = tmp_path / "a.png"
    stored = np.array([160, 60, 50])
    profile = rgb_profile(*(tuple(p3[:, c]) for c in range(3)))
    Image.new("RGB", (16, 16), tuple(stored)).save(path, icc_profile=profile)
    linear = np.linalg.solve(np.array([RED, GREEN, BLUE]).T, p3 @ (stored / 255))
    expected = [255 * srgb_curve(value) for value in linear]
    assert np.abs(as_bytes(load_image(path)) - np.array(expected)).max() <= 2
    assert np.abs(np.array(expected) - [255 * srgb_curve(v / 255) for v in stored]).max() > 5  # it matters


@pytest.mark.parametrize(("mode", "colour"), [("L", 128), ("LA", (128, 50))])
def test_grey_profile(tmp_path: Path, mode: str, colour: int | tuple[int, int]) -> None:
    path = tmp_path / "a.png"
    Image.new(mode, (16, 16), colour).save(path, icc_profile=grey_profile())
    assert np.abs(as_bytes(load_image(path)).astype(int) - 188).max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_rgb_profile_on_grey_and_palette(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(np.full((16, 16), 255, np.uint8)).convert(mode)
    image.info["icc_profile"] = rgb_profile(RED, (0, 0, 0), (0, 0, 0))
    assert np.abs(as_bytes(load_image(image)).astype(int)[..., 0] - 255).max() <= 1
    assert as_bytes(load_image(image))[..., 2].max() < 100  # no green and no blue light in this profile


def test_sixteen_bit_grey_with_profile_keeps_its_steps(tmp_path: Path) -> None:
    values = np.linspace(20000, 24000, 16 * 16).astype(np.uint16).reshape(16, 16)
    path = tmp_path / "a.png"
    Image.fromarray(values).save(path, icc_profile=grey_profile())
    picture = load_image(path)
    expected = np.vectorize(srgb_curve)(values / 65535)
    assert np.abs(picture[0, 1].numpy() - expected).max() < 1.1 / 255
    assert len(picture[0, 0].unique()) > 200  # 8 bits would leave 16


@pytest.mark.parametrize("profile", [b"junk" * 50, rgb_profile(RED, GREEN, BLUE)[:200], cmyk_profile()])
def test_unusable_profile_warns_and_is_left_out(profile: bytes) -> None:
    image = Image.fromarray(noise())
    image.info["icc_profile"] = profile
    with pytest.warns(UserWarning, match=r"The picture image has a colour profile that cannot be used \("):
        picture = load_image(image)
    np.testing.assert_array_equal(as_bytes(picture), noise())


def test_cmyk_without_profile(tmp_path: Path) -> None:
    path = tmp_path / "a.tiff"
    Image.new("CMYK", (16, 16), (255, 0, 0, 0)).save(path)
    np.testing.assert_array_equal(as_bytes(load_image(path)), np.tile(np.uint8([0, 255, 255]), (16, 16, 1)))


def test_cmyk_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(path, quality=100)
    assert np.abs(as_bytes(load_image(path)).astype(int) - (255, 0, 0)).max() <= 3


@pytest.mark.parametrize(("inks", "value"), [((255, 0, 0, 0), 0), ((0, 255, 255, 255), 255)])
@pytest.mark.parametrize("suffix", ["jpg", "tiff"])
def test_cmyk_with_profile(tmp_path: Path, suffix: str, inks: tuple[int, ...], value: int) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new("CMYK", (16, 16), inks).save(path, icc_profile=cmyk_profile())
    assert np.abs(as_bytes(load_image(path)).astype(int) - value).max() <= 3


def test_lab_is_converted(tmp_path: Path) -> None:
    path = tmp_path / "a.tiff"
    Image.new("LAB", (16, 16), (255, 128, 128)).save(path)
    pixels = as_bytes(load_image(path)).astype(int)
    assert pixels.min() > 245
    assert np.ptp(pixels) <= 8  # neutral


# --- modes -------------------------------------------------------------------------------------------------


def test_grey_is_repeated(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise()[..., 0]).save(path)
    np.testing.assert_array_equal(as_bytes(load_image(path)), np.repeat(noise()[..., :1], 3, axis=2))


def test_bilevel() -> None:
    image = Image.new("1", (16, 16), 1)
    image.putpixel((3, 2), 0)
    picture = load_image(image)
    assert picture[0, :, 2, 3].tolist() == [0, 0, 0]
    assert picture.sum() == 3 * (16 * 16 - 1)


@pytest.mark.parametrize("mode", ["HSV", "YCbCr", "RGBX"])
def test_other_colour_spaces(mode: str) -> None:
    image = Image.new("RGB", (16, 16), (255, 0, 0)).convert(mode)
    assert np.abs(as_bytes(load_image(image)).astype(int) - (255, 0, 0)).max() <= 2


def test_palette(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    image = Image.new("P", (16, 16), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.save(path)
    picture = read_picture(path)
    assert picture.alpha is None
    assert as_bytes(picture.rgb)[5, 5].tolist() == [10, 20, 30]


@pytest.mark.parametrize(("transparency", "alphas"), [(0, [0, 255]), (bytes([40, 99]), [40, 99])])
def test_palette_with_transparency(tmp_path: Path, transparency: int | bytes, alphas: list[int]) -> None:
    path = tmp_path / "a.png"
    image = Image.new("P", (16, 16), 1)
    image.putpalette([200, 100, 50, 10, 20, 30])
    image.putpixel((0, 0), 0)
    image.save(path, transparency=transparency)
    picture = read_picture(path)
    assert picture.alpha is not None
    assert as_bytes(picture.rgb)[0, 0].tolist() == ([200, 100, 50] if alphas[0] else [10, 20, 30])
    assert as_bytes(picture.rgb)[1, 1].tolist() == [10, 20, 30]
    assert as_bytes(picture.alpha)[[0, 1], [0, 1], 0].tolist() == alphas


@pytest.mark.parametrize(
    ("mode", "colour", "transparency"),
    [("RGB", (10, 20, 30), (10, 20, 30)), ("L", 7, 7)],
)
def test_colour_key_transparency(
    tmp_path: Path, mode: str, colour: int | tuple[int, ...], transparency: int | tuple[int, ...]
) -> None:
    path = tmp_path / "a.png"
    image = Image.new(mode, (16, 16), colour)
    image.putpixel((0, 0), (1, 2, 3) if mode == "RGB" else 1)
    image.save(path, transparency=transparency)
    picture = read_picture(path)
    assert picture.alpha is not None
    assert picture.alpha[0, 0, 0, 0] == 1
    assert picture.alpha.sum() == 1


def grey_png(bits: int, rows: list[bytes], key: int, colour_type: int = 0, width: int = 16) -> bytes:
    """A PNG with a transparent value, which is given in the picture's own bits."""
    head = struct.pack(">IIBBBBB", width, len(rows), bits, colour_type, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    transparent = struct.pack(">H", key) * (1 if colour_type == 0 else 3)
    chunks = [(b"IHDR", head), (b"tRNS", transparent), (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_transparent_values_of_every_depth(bits: int) -> None:
    top = 2**bits - 1
    row = (top).to_bytes(2, "big")[-max(1, bits // 8) :] if bits >= 8 else b"\xff"
    full = row * (16 if bits >= 8 else 2 * bits)
    empty = bytes(len(full))
    picture = read_picture(grey_png(bits, [full] * 8 + [empty] * 8, top))
    assert picture.alpha is not None
    assert picture.alpha[0, 0, :8].max() == 0
    assert picture.alpha[0, 0, 8:].min() == 1


def test_transparent_colour_of_sixteen_bits() -> None:
    picture = read_picture(grey_png(16, [b"\xff" * 96] * 8 + [bytes(96)] * 8, 65535, colour_type=2))
    assert picture.alpha is not None
    assert picture.alpha[0, 0, :8].max() == 0
    assert picture.alpha[0, 0, 8:].min() == 1


def test_colour_key_of_sixteen_bits() -> None:
    image = Image.new("I;16", (16, 16), 999)
    image.putpixel((0, 0), 998)
    image.info["transparency"] = 999  # as pillow reports it from a PNG
    picture = read_picture(image)
    assert picture.alpha is not None
    assert picture.alpha[0, 0, 0, 0] == 1
    assert picture.alpha.sum() == 1


@pytest.mark.parametrize(
    ("mode", "straight", "colour"),
    [
        ("LA", "LA", (90, 128)),
        ("La", "LA", (90, 128)),
        ("RGBa", "RGBA", (90, 90, 90, 128)),
        ("PA", "PA", (1, 128)),
    ],
)
def test_other_modes_with_alpha(mode: str, straight: str, colour: tuple[int, ...]) -> None:
    image = Image.new(straight, (16, 16), colour)
    if mode == "PA":
        image.putpalette([0, 0, 0, 90, 90, 90])
    picture = read_picture(image if mode == straight else image.convert(mode))
    assert picture.alpha is not None
    assert np.abs(as_bytes(picture.rgb).astype(int) - 90).max() <= 1  # premultiplied modes round
    assert (as_bytes(picture.alpha) == 128).all()


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bit_grey(tmp_path: Path, suffix: str) -> None:
    values = np.random.default_rng(1).integers(0, 65536, (20, 30)).astype(np.uint16)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(values).save(path)
    picture = load_image(path)
    assert picture.shape == (1, 3, 20, 30)
    np.testing.assert_allclose(picture[0, 2].numpy(), values / 65535, atol=1e-7)


def test_sixteen_bits_in_thirty_two_and_big_endian() -> None:
    values = np.random.default_rng(1).integers(0, 65536, (20, 30))
    for stored in (values.astype(np.int32), values.astype(">u2")):
        np.testing.assert_allclose(load_image(Image.fromarray(stored))[0, 0].numpy(), values / 65535, atol=1e-7)


def test_whole_numbers_beyond_sixteen_bits_are_refused() -> None:
    with pytest.raises(ImageError, match=r"style image has whole numbers from 0 to 70000; wanted 0 to 65535"):
        read_picture(Image.fromarray(np.int32([[0, 70000]]).repeat(16, 0).repeat(8, 1)), what="style")


def test_float_image() -> None:
    values = np.random.default_rng(1).random((20, 30), dtype=np.float32)
    np.testing.assert_array_equal(load_image(Image.fromarray(values))[0, 0].numpy(), values)
    with pytest.raises(ImageError, match=r"values from .* to 25.*; wanted \[0, 1\]. It looks like 0 to 255"):
        load_image(Image.fromarray(values * 254))


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tiff"])
def test_of_several_frames_one_is_used_and_told(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    frames = [Image.new("RGB", (16, 16), colour) for colour in ((250, 0, 0), (0, 250, 0), (0, 0, 250))]
    options = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    with Image.open(path) as image:
        assert getattr(image, "n_frames", 1) == 3
    told = rf'The style "{re.escape(str(path))}" has several frames; frame 0 is used. Choose another with frame='
    with pytest.warns(UserWarning, match=told):
        picture = read_picture(path, what="style")
    assert (picture.frame, len(picture.notes)) == (0, 1)
    assert as_bytes(picture.rgb)[8, 8].tolist() == [250, 0, 0]
    for frame in (2, 1, 0):  # chosen, so that nothing need be told
        picture = read_picture(path, frame=frame)
        assert picture.frame == frame
        assert as_bytes(picture.rgb)[8, 8].tolist() == [250 * (frame == channel) for channel in range(3)]
    with pytest.raises(ImageError, match=r"has no frame 3; the first one is 0. Choose another"):
        load_image(path, frame=3)


@pytest.mark.parametrize("frame", [-1, 1.0, "0", True])
def test_frames_that_are_no_number(frame: object) -> None:
    with pytest.raises(OptionError, match=rf"frame must be a whole number of at least 0, got {frame!r}"):
        load_image("a.gif", frame=frame)  # type: ignore[arg-type]


def test_a_frame_is_chosen_from_files_only(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"frame chooses from a file; a picture in memory is read as it is"):
        load_image(Image.new("RGB", (16, 16)), frame=0)
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png", frame=0).frame is None
    with pytest.raises(ImageError, match=r"has no frame 1"):
        read_picture(tmp_path / "a.png", frame=1)


def test_a_frame_that_was_chosen_stays_chosen(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    frames = [Image.new("RGB", (16, 16), colour) for colour in ((250, 0, 0), (0, 250, 0))]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    with Image.open(path) as image:
        image.seek(1)
        assert as_bytes(load_image(image))[8, 8].tolist() == [0, 250, 0]


# --- what cannot be read -----------------------------------------------------------------------------------


def refused(source: object, *parts: str, what: str = "content") -> None:
    with pytest.raises(ImageError) as caught:
        read_picture(source, what=what)  # type: ignore[arg-type]
    for part in parts:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_suggests_a_neighbour(tmp_path: Path) -> None:
    (tmp_path / "portrait.png").touch()
    path = tmp_path / "potrait.png"
    refused(path, f'The content "{path}" does not exist. Did you mean "portrait.png"? Check the path.')


def test_missing_file_and_folder(tmp_path: Path) -> None:
    refused(tmp_path / "a.png", "does not exist. Check the path.")
    refused(tmp_path / "no" / "a.png", f'does not exist, nor does its folder "{tmp_path / "no"}"')


def test_folder(tmp_path: Path) -> None:
    refused(tmp_path, f'The content "{tmp_path}" is a folder; give a picture file.')


@pytest.mark.parametrize("path", ["", "   "])
def test_empty_path(path: str) -> None:
    refused(path, "has an empty path", "give the name of a file")


def test_impossible_names(tmp_path: Path) -> None:
    refused("a\0b.png", "does not exist")
    refused(tmp_path / ("n" * 300 + ".png"), "cannot be read: File name too long. Check its path")


def test_bytes_path(tmp_path: Path) -> None:
    class BytesPath(os.PathLike[bytes]):
        def __fspath__(self) -> bytes:
            return b"a.png"

    refused(BytesPath(), "one that is no text")


def test_web_address() -> None:
    for address in ("https://example.org/cat.jpg", "HTTPS://example.org/a.png", "s3://a/b.png", "file:///a.png"):
        scheme = address.partition("//")[0]
        refused(address, f'The content "{address}" is an address ({scheme}); download it first and give a picture')


def test_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "is a device or pipe")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (16, 16)).save(path)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    refused(path, "cannot be read: Permission denied. Check its path and permissions.")


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("a.png", b"just a text\n", "is not a picture that can be read. Give a PNG, JPEG"),
        ("a.png", b"", "the file is empty"),
        (
            "a.jpg",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
            "seems to be HEIC, a phone's format. Export it as JPEG",
        ),
        ("a.HEIC", b"whatever", "seems to be HEIC"),
        ("a.svg", b'<?xml version="1.0"?>' + b" " * 600, "seems to be SVG"),
        ("a.png", b'\xef\xbb\xbf <svg xmlns="http://www.w3.org/2000/svg"/>', "seems to be SVG"),
        (
            "a.jpg",
            b"\n<!DOCTYPE html><html><body><svg></svg>",
            "it is a web page. Download the picture itself",
        ),
        ("a.png", b"%PDF-1.7", "it is a PDF document"),
    ],
)
def test_not_a_picture(tmp_path: Path, name: str, content: bytes, hint: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    refused(path, f'The content "{path}" is not a picture that can be read', hint)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated(tmp_path: Path, file_format: str, share: float) -> None:
    path = tmp_path / "a.png"
    whole = encoded(Image.fromarray(noise(64, 64)), file_format)
    path.write_bytes(whole[: int(share * len(whole))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pillow's own about the same file
        refused(path, f'The content "{path}" ')


def test_truncated_says_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    whole = encoded(Image.fromarray(noise(64, 64)), "JPEG")
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, "cannot be read, it seems to be damaged or incomplete (", "truncated", "Get a new copy")


def test_damaged_bytes_never_escape_our_error(tmp_path: Path) -> None:
    # Flipped bytes either still decode or give an ImageError; pillow raises many types on such files.
    rng = np.random.default_rng(0)
    path = tmp_path / "a"
    failures = 0
    for file_format in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"):
        whole = np.frombuffer(encoded(Image.fromarray(noise(24, 24)), file_format), np.uint8)
        for _ in range(25):
            broken = whole.copy()
            broken[rng.integers(4, min(len(broken), 200), 6)] = rng.integers(0, 256, 6)
            path.write_bytes(broken.tobytes())
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    load_image(path)
                except ImageError:
                    failures += 1
    assert failures > 20


def test_too_many_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise()).save(path)
    for source in (path, path.read_bytes(), Image.fromarray(noise()), noise(), torch.rand(3, 20, 30)):
        with pytest.raises(ImageError, match=r"has 600 pixels, too many .* at most 599 .* max_pixels"):
            load_image(source, max_pixels=599)
        assert load_image(source, max_pixels=600).shape == (1, 3, 20, 30)
    with pytest.raises(OptionError, match=r"max_pixels must be a whole number of at least 1"):
        load_image(path, max_pixels=0)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "webp", "tif"])
def test_pillows_limit_neither_holds_nor_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(noise()).save(path)
    # Some decoders have their own look at it, and Pillow before 13 looks at each strip that is cut out.
    strict = suffix in ("tif", "webp") or int(PIL.__version__.partition(".")[0]) < 13
    limit = 20 * 30 if strict else 10
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    assert load_image(path).shape == (1, 3, 20, 30)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    header = struct.pack(">4sIIBBBBB", b"IHDR", 60000, 60000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    data += struct.pack(">I4s", 10, b"IDAT") + bytes(14)
    refused(data, "has 3600000000 pixels, too many to be unpacked safely; at most 200000000 are allowed")


@pytest.mark.parametrize(("height", "width"), [(1, 40), (40, 1), (15, 16), (16, 15)])
def test_small_pictures(tmp_path: Path, height: int, width: int) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (width, height)).save(path)
    message = f"is {height}x{width} pixels (height x width); both sides must be at least 16. Give a larger"
    refused(path, message)
    refused(Image.new("L", (width, height)), message)


@pytest.mark.parametrize("size", [(0, 20), (20, 0), (0, 0)])
def test_no_pixels(size: tuple[int, int]) -> None:
    refused(Image.new("RGB", size), f"is {size[1]}x{size[0]} pixels")


def test_closed_image(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise()).save(path)
    image = Image.open(path)
    image.close()
    refused(image, "The content image was closed before it was read; read it inside its with block")
    with Image.open(path) as image:
        pass
    refused(image, "The content image was closed before it was read")


@pytest.mark.parametrize("source", [None, 3, ["a.png"]])
def test_other_types(source: object) -> None:
    kind = re.escape(type(source).__name__)
    with pytest.raises(ImageError, match=rf"The style is a {kind}; wanted a path, bytes, a binary file object, "):
        read_picture(source, what="style")  # type: ignore[arg-type]


# --- bytes and file objects --------------------------------------------------------------------------------


def test_bytes_and_file_objects_give_what_the_path_gives(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise()).save(path)
    data = path.read_bytes()
    for source in (data, bytearray(data), memoryview(data), io.BytesIO(data)):
        picture = read_picture(source)
        assert picture.path is None
        np.testing.assert_array_equal(as_bytes(picture.rgb), noise())
    with path.open("rb") as file:
        for _ in range(2):  # its position is put back
            picture = read_picture(file)
            assert picture.path == path  # so that it is protected from being overwritten
            np.testing.assert_array_equal(as_bytes(picture.rgb), noise())


def test_a_stream_that_cannot_go_back_is_read(tmp_path: Path) -> None:
    class Stream:
        def __init__(self, data: bytes) -> None:
            self.rest = data

        def read(self, size: int = -1) -> bytes:
            taken, self.rest = self.rest, b""
            return taken

    data = encoded(Image.fromarray(noise()), "PNG")
    np.testing.assert_array_equal(as_bytes(load_image(Stream(data))), noise())  # type: ignore[arg-type]


def test_file_objects_that_give_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise()).save(path)
    with path.open() as text, path.open("ab") as writing:
        refused(text, f'The content "{path}"')
        refused(io.StringIO("abc"), "The content is a file object that gives text", 'mode "rb"')
        refused(writing, "cannot be read from its file object")
    refused(text, "cannot be read from its file object: I/O operation on closed file.")
    written = io.BytesIO()
    Image.fromarray(noise()).save(written, "PNG")
    refused(written, "is a file object at its end; go back with .seek(0)")
    refused(io.BytesIO(), "is not a picture that can be read: the file is empty")
    refused(b"abc", "The content bytes is not a picture that can be read. Give a PNG")
