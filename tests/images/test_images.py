"""Arrays and tensors in, working sizes, and pictures out."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from styletransfer.errors import ImageError, OptionError
from styletransfer.images import Picture, load_image, read_picture, resize, to_pil

Array = np.ndarray


def noise(height: int = 20, width: int = 30, channels: int = 3, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def refused(source: object, *parts: str) -> None:
    with pytest.raises(ImageError) as caught:
        read_picture(source, what="style")  # type: ignore[arg-type]
    for part in parts:
        assert part in str(caught.value)


# --- arrays ------------------------------------------------------------------------------------------------


def test_uint8_array() -> None:
    picture = read_picture(noise())
    assert picture.rgb.shape == (1, 3, 20, 30)
    assert picture.rgb.dtype == torch.float32
    assert picture.alpha is None
    assert picture.path is None
    assert picture.rgb[0, 2, 7, 11].item() == np.float32(noise()[7, 11, 2] / 255)


@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_uint16_array(dtype: str) -> None:
    values = np.random.default_rng(0).integers(0, 65536, (20, 30, 3)).astype(dtype)
    np.testing.assert_allclose(load_image(values)[0].permute(1, 2, 0).numpy(), values / 65535, atol=1e-7)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8", "g"])
def test_float_array(dtype: str) -> None:
    values = np.random.default_rng(0).random((20, 30, 3)).astype(dtype)
    np.testing.assert_allclose(load_image(values)[0].permute(1, 2, 0).numpy(), values.astype("f8"), atol=1e-7)


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 1)])
def test_grey_array(shape: tuple[int, ...]) -> None:
    values = noise(channels=1).reshape(shape)
    picture = load_image(values)
    assert picture.shape == (1, 3, 20, 30)
    for channel in picture[0]:
        np.testing.assert_array_equal((channel * 255).round().numpy(), values.reshape(20, 30))


def test_array_with_alpha() -> None:
    values = noise(channels=4)
    values[..., 3] = values[..., 3].clip(20)  # less to be seen would change the colours
    picture = read_picture(values)
    assert picture.alpha is not None
    assert picture.alpha.shape == (1, 1, 20, 30)
    assert torch.equal(picture.rgb, load_image(values[..., :3]))
    np.testing.assert_array_equal((picture.alpha[0, 0] * 255).round().numpy(), values[..., 3])


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_odd_memory_layouts(kind: str) -> None:
    values = noise().astype(kind) if kind == "uint8" else (noise() / 255).astype(kind)
    frozen = values.copy()
    frozen.setflags(write=False)
    for view in (frozen, values[::-1, ::-1], values[..., ::-1], np.asfortranarray(values)):
        before = view.copy()
        assert torch.equal(load_image(view), load_image(np.ascontiguousarray(view)))
        np.testing.assert_array_equal(view, before)


@pytest.mark.parametrize("long_edge", [None, 24])
def test_result_has_memory_of_its_own(long_edge: int | None) -> None:
    array = np.full((20, 30, 4), 0.5, dtype=np.float32)
    tensor = torch.full((1, 4, 20, 30), 0.5)
    for source in (array, tensor, tensor[:, :3], tensor[:, :1]):
        picture = read_picture(source, long_edge=long_edge)
        picture.rgb.zero_()
        if picture.alpha is not None:
            assert picture.alpha.min() > 0.4
            picture.alpha.zero_()
    assert (array == 0.5).all()
    assert (tensor == 0.5).all()


@pytest.mark.parametrize("dtype", ["bool", "int8", "int32", "int64", "uint32", "complex64", "object", "U1"])
def test_other_array_dtypes(dtype: str) -> None:
    shown = str(np.dtype(dtype))
    refused(np.zeros((20, 30, 3), dtype), f"The style array has dtype {shown}; wanted uint8", ".astype(")


@pytest.mark.parametrize(
    "shape", [(), (30,), (20, 30, 2), (20, 30, 5), (20, 30, 0), (1, 20, 30, 3), (20, 30, 3, 1)]
)
def test_other_array_shapes(shape: tuple[int, ...]) -> None:
    refused(np.zeros(shape, np.uint8), f"The style array has shape {shape}; wanted (H, W), (H, W, 3)")


def test_channels_first_array_gets_a_hint() -> None:
    refused(np.zeros((3, 20, 30)), "The channels come last: use array.transpose(1, 2, 0).")
    with pytest.raises(ImageError) as caught:
        load_image(np.zeros((20, 30, 5)))
    assert "transpose" not in str(caught.value)


@pytest.mark.parametrize("shape", [(0, 0, 3), (0, 30, 3), (20, 0), (1, 40, 3), (40, 1), (15, 16), (16, 15, 3)])
def test_small_arrays(shape: tuple[int, ...]) -> None:
    message = f"The style array is {shape[0]}x{shape[1]} pixels (height x width); both sides must be at least 16"
    for dtype in (np.uint8, np.float32):
        refused(np.zeros(shape, dtype), message)


def test_the_smallest_picture_passes() -> None:
    assert load_image(np.zeros((16, 16), np.uint8)).shape == (1, 3, 16, 16)
    assert load_image(torch.zeros(3, 16, 16)).shape == (1, 3, 16, 16)


# --- values ------------------------------------------------------------------------------------------------

OUT_OF_RANGE = [
    (0.0, 254.0, "values from 0 to 254; wanted [0, 1]. It looks like 0 to 255: divide by 255."),
    (-0.5, 1.0, "values from -0.5 to 1; wanted [0, 1]. It looks like -1 to 1: use (x + 1) / 2."),
    (-2.1, 2.6, "values from -2.1 to 2.6; wanted [0, 1]. Undo any normalisation"),
    (0.0, 1.001, "values from 0 to 1.001; wanted [0, 1]. Undo any normalisation made for a network, or clip"),
    (0.0, 65535.0, "values from 0 to 65535; wanted [0, 1]. Undo"),
]


@pytest.mark.parametrize(("low", "high", "message"), OUT_OF_RANGE)
def test_values_out_of_range(low: float, high: float, message: str) -> None:
    values = np.full((20, 30, 3), 0.5)
    values[3, 4, 1], values[5, 6, 2] = low, high
    refused(values, f"The style array has {message}")
    refused(torch.tensor(values).permute(2, 0, 1), f"The style tensor has {message}")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_values_that_are_not_finite(bad: float, dtype: str) -> None:
    values = np.full((20, 30, 3), 0.5, dtype)
    values[19, 29, 2] = bad
    refused(values, "The style array holds NaN or infinite values; wanted numbers in [0, 1].")
    refused(torch.tensor(values).permute(2, 0, 1), "The style tensor holds NaN or infinite values")


def test_finite_in_float64_only_is_called_out_of_range() -> None:
    refused(np.full((20, 30), 1e300), "values from 1e+300 to 1e+300")
    refused(torch.full((3, 20, 30), 1e300, dtype=torch.float64), "values from 1e+300 to 1e+300")


def test_rounding_errors_are_clipped() -> None:
    values = np.full((20, 30), 1 + 5e-7)
    values[0] = -5e-7
    for picture in (load_image(values), load_image(torch.tensor(values)[None])):
        assert picture.min() == 0
        assert picture.max() == 1


@settings(deadline=None, max_examples=30)
@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        st.tuples(st.integers(16, 24), st.integers(16, 24), st.sampled_from([1, 3, 4])),
        elements=st.floats(0, 1, width=32),
    )
)
def test_floats_survive(values: Array) -> None:
    values[..., 3:] = values[..., 3:].clip(0.1)  # less to be seen would change the colours
    picture = read_picture(values)
    colours = values[..., :3] if values.shape[2] > 1 else values.repeat(3, axis=2)
    assert np.abs(picture.rgb[0].permute(1, 2, 0).numpy() - colours).max() <= 1e-7
    tensor = read_picture(torch.from_numpy(values).permute(2, 0, 1))
    assert torch.equal(tensor.rgb, picture.rgb)


# --- tensors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("batch", [None, 1, 2])
def test_tensor_shapes(batch: int | None, channels: int) -> None:
    tensor = torch.rand(*([] if batch is None else [batch]), channels, 20, 30) * 0.9 + 0.1
    picture = read_picture(tensor)
    whole = tensor if batch else tensor[None]
    assert picture.rgb.shape == (batch or 1, 3, 20, 30)
    assert torch.equal(picture.rgb, whole[:, :3].expand(-1, 3, -1, -1))
    assert (picture.alpha is None) == (channels != 4)
    if picture.alpha is not None:
        assert torch.equal(picture.alpha, whole[:, 3:])


@pytest.mark.parametrize(
    "shape",
    [(), (30,), (20, 30), (2, 20, 30), (5, 20, 30), (1, 2, 20, 30), (0, 3, 20, 30), (1, 1, 3, 20, 30)],
)
def test_other_tensor_shapes(shape: tuple[int, ...]) -> None:
    refused(torch.zeros(shape), f"The style tensor has shape {shape}; wanted (C, H, W) or (B, C, H, W)")


def test_channels_last_tensor_gets_a_hint() -> None:
    refused(torch.zeros(20, 30, 3), "The channels come first: use .movedim(-1, -3).")
    refused(torch.zeros(2, 20, 30, 3), "The channels come first: use .movedim(-1, -3).")


@pytest.mark.parametrize("shape", [(3, 0, 30), (1, 3, 20, 0), (3, 1, 40), (1, 3, 16, 15)])
def test_small_tensors(shape: tuple[int, ...]) -> None:
    refused(torch.zeros(shape), f"The style tensor is {shape[-2]}x{shape[-1]} pixels")


@pytest.mark.parametrize("dtype", [torch.bool, torch.int8, torch.int64, torch.complex64])
def test_other_tensor_dtypes(dtype: torch.dtype) -> None:
    refused(torch.zeros(3, 20, 30, dtype=dtype), f"The style tensor has dtype {dtype}; wanted floats in [0, 1]")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_float_tensors(dtype: torch.dtype) -> None:
    tensor = torch.rand(1, 3, 20, 30).to(dtype)
    picture = load_image(tensor)
    assert picture.dtype == torch.float32
    assert (picture - tensor.double()).abs().max() <= 1e-7


@pytest.mark.parametrize(("dtype", "top"), [(torch.uint8, 255), (torch.uint16, 65535)])
def test_whole_number_tensors(dtype: torch.dtype, top: int) -> None:
    values = torch.arange(top - 255, top + 1).reshape(1, 16, 16)
    picture = load_image(values.to(dtype))
    torch.testing.assert_close(picture[0, 1], values[0] / top, atol=1e-7, rtol=0)


def test_tensor_is_detached_and_not_changed() -> None:
    tensor = torch.rand(1, 3, 20, 30, requires_grad=True)
    before = tensor.detach().clone()
    for picture in (load_image(tensor), load_image(tensor, long_edge=16 * 30 // 20)):
        assert not picture.requires_grad
        assert picture.is_leaf
    assert torch.equal(tensor.detach(), before)
    assert tensor.requires_grad


def test_channels_last_memory_and_views() -> None:
    tensor = torch.rand(2, 3, 40, 60)
    expected = load_image(tensor)
    picture = load_image(tensor.to(memory_format=torch.channels_last))
    assert torch.equal(picture, expected)
    assert picture.is_contiguous()
    assert torch.equal(load_image(tensor[:, :, ::2]), expected[:, :, ::2])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_tensor_keeps_its_device() -> None:
    tensor = torch.rand(1, 4, 40, 60, device="cuda")
    for long_edge in (None, 30):
        picture = read_picture(tensor, long_edge=long_edge)
        assert picture.alpha is not None
        assert picture.rgb.device == picture.alpha.device == tensor.device
        torch.testing.assert_close(picture.rgb.cpu(), load_image(tensor.cpu(), long_edge=long_edge))


# --- working size ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "edges", "expected"),
    [
        ((300, 450), {"long_edge": 150}, (100, 150)),
        ((450, 300), {"long_edge": 150}, (150, 100)),
        ((300, 450), {"short_edge": 150}, (150, 225)),
        ((450, 300), {"short_edge": 150}, (225, 150)),
        ((41, 64), {"long_edge": 32}, (21, 32)),  # 20.5 rounds up
        ((43, 64), {"long_edge": 32}, (22, 32)),  # 21.5 too, where rounding to even would say 22 and 20
        ((100, 101), {"long_edge": 50}, (50, 50)),  # 49.505
        ((333, 517), {"long_edge": 256}, (165, 256)),  # 164.89
        ((50, 50), {"short_edge": 16}, (16, 16)),
        ((40, 64), {"long_edge": 64}, (40, 64)),
        ((40, 64), {"long_edge": 1000}, (40, 64)),  # never enlarged
        ((40, 64), {"short_edge": 41}, (40, 64)),
        ((40, 64), {}, (40, 64)),
    ],
)
def test_working_size(size: tuple[int, int], edges: dict[str, int], expected: tuple[int, int]) -> None:
    pixels = noise(*size)
    assert load_image(pixels, **edges).shape[2:] == expected
    assert load_image(Image.fromarray(pixels), **edges).shape[2:] == expected
    assert load_image(torch.from_numpy(pixels).permute(2, 0, 1), **edges).shape[2:] == expected


@settings(deadline=None, max_examples=40)
@given(st.integers(16, 90), st.integers(16, 90), st.integers(16, 90), st.booleans())
def test_working_size_properties(height: int, width: int, edge: int, long: bool) -> None:
    chosen = max if long else min
    wanted = min(edge, chosen(height, width))
    sides = [side * wanted / chosen(height, width) for side in (height, width)]
    if min(sides) < 15.5:
        with pytest.raises(ImageError, match=rf"at the working size long_edge={edge}; .* Choose a long edge of"):
            load_image(np.zeros((height, width), np.uint8), long_edge=edge)
        return
    keys = {"long_edge" if long else "short_edge": edge}
    got = load_image(np.zeros((height, width), np.uint8), **keys).shape[2:]
    assert chosen(got) == wanted
    assert all(abs(side - exact) <= 0.5 for side, exact in zip(got, sides, strict=True))


def test_every_kind_of_source_is_reduced_alike(tmp_path: Path) -> None:
    pixels = noise(60, 90, channels=4)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    pictures = [
        read_picture(source, long_edge=45)
        for source in (
            tmp_path / "a.png",
            Image.fromarray(pixels),
            pixels,
            pixels / 255,
            torch.from_numpy(pixels).permute(2, 0, 1),
        )
    ]
    for picture in pictures:
        torch.testing.assert_close(picture.rgb, pictures[0].rgb, atol=1e-6, rtol=0)
        torch.testing.assert_close(picture.alpha, pictures[0].alpha, atol=1e-6, rtol=0)


def lanczos_weights(old: int, new: int) -> Array:
    """(new, old): the antialiased Lanczos filter of three lobes, written out."""
    scale = old / new
    distance = (np.arange(old)[None] + 0.5 - (np.arange(new)[:, None] + 0.5) * scale) / scale
    weights = np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0)
    return weights / weights.sum(axis=1, keepdims=True)


def test_reduction_is_antialiased_lanczos() -> None:
    values = 0.3 + 0.4 * np.random.default_rng(0).random((60, 90))  # far enough from 0 and 1 for no clipping
    expected = lanczos_weights(60, 30) @ values @ lanczos_weights(90, 45).T
    np.testing.assert_allclose(load_image(values, long_edge=45)[0, 0].numpy(), expected, atol=1e-5)


def test_overshoot_is_clipped() -> None:
    values = np.zeros((64, 64), np.float32)
    values[:, 32:] = 1
    picture = load_image(values, long_edge=24)
    assert picture.min() == 0
    assert picture.max() == 1


def test_fine_stripes_become_grey() -> None:
    values = np.zeros((64, 64), np.uint8)
    values[:, ::2] = 255
    assert (load_image(values, long_edge=16) - 0.5).abs().max() < 0.06  # nearest would give 0 or 1


def test_hidden_colours_do_not_bleed() -> None:
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:, :32, :3] = (0, 255, 0)  # invisible green to the left, invisible black to the right
    pixels[20:47, 13:50] = (200, 100, 50, 255)
    picture = read_picture(pixels, long_edge=24)
    assert picture.alpha is not None
    shown = picture.alpha[0, 0] > 1 / 255
    assert (shown & (picture.alpha[0, 0] < 0.98)).any()  # a soft edge
    for channel, value in zip(picture.rgb[0], (200, 100, 50), strict=True):
        assert (channel[shown] - value / 255).abs().max() < 1e-4


def test_both_edges_are_refused() -> None:
    with pytest.raises(OptionError, match=r"Both long_edge=32 and short_edge=20 were given; give only one"):
        load_image(noise(), long_edge=32, short_edge=20)


@pytest.mark.parametrize("name", ["long_edge", "short_edge"])
@pytest.mark.parametrize("edge", [0, -1, 15, 32.0, "32", True])
def test_edges_that_are_no_size(name: str, edge: object) -> None:
    with pytest.raises(OptionError, match=rf"{name} must be a whole number of at least 16, got {edge!r}\."):
        load_image(noise(), **{name: edge})  # type: ignore[arg-type]


def test_bad_edge_is_found_before_the_file_is_read() -> None:
    with pytest.raises(OptionError):
        load_image("missing.png", long_edge=3)


def test_reduction_to_less_than_sixteen() -> None:
    with pytest.raises(
        ImageError, match=r"picture array is 4x32 pixels \(height x width\) at the working size long_"
    ):
        load_image(noise(20, 160), long_edge=32)


# --- resize ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(10, 15), (40, 60), (1, 1), (20, 31)])
def test_resize(size: tuple[int, int]) -> None:
    images = torch.rand(2, 3, 20, 30)
    scaled = resize(images, size)
    assert scaled.shape == (2, 3, *size)
    assert scaled.min() >= 0
    assert scaled.max() <= 1
    flat = torch.full((1, 3, 20, 30), 0.25)
    torch.testing.assert_close(resize(flat, size), torch.full((1, 3, *size), 0.25))


def test_resize_to_the_same_size_is_a_copy() -> None:
    images = torch.rand(1, 3, 20, 30)
    scaled = resize(images, (20, 30))
    assert torch.equal(scaled, images)
    assert scaled.data_ptr() != images.data_ptr()


def test_resize_is_antialiased_and_clipped() -> None:
    stripes = torch.zeros(1, 1, 64, 64)
    stripes[..., ::2] = 1
    assert (resize(stripes, (16, 16)) - 0.5).abs().max() < 0.06
    edge = torch.zeros(1, 1, 64, 64)
    edge[..., 32:] = 1
    for size in ((24, 24), (100, 100)):
        assert (resize(edge, size).min(), resize(edge, size).max()) == (0, 1)


def test_resize_passes_gradients() -> None:
    images = torch.rand(1, 1, 6, 8, dtype=torch.float64) * 0.2 + 0.4
    assert torch.autograd.gradcheck(lambda x: resize(x, (4, 5)), images.requires_grad_())


@pytest.mark.parametrize("size", [(0, 10), (10, -1), (10.0, 10)])
def test_resize_to_no_size(size: tuple[int, int]) -> None:
    with pytest.raises(OptionError, match=r"Each side of size must be a whole number of at least 1"):
        resize(torch.rand(1, 3, 20, 30), size)


# --- to PIL ------------------------------------------------------------------------------------------------


def test_to_pil_rounds_to_nearest() -> None:
    values = torch.tensor([0.0, 0.4, 0.6, 100.49, 100.51, 254.4, 254.6, 255.0]) / 255
    image = to_pil(values.expand(3, 1, 8))
    assert image.mode == "RGB"
    assert image.size == (8, 1)
    assert [image.getpixel((x, 0))[0] for x in range(8)] == [0, 0, 1, 100, 101, 254, 255, 255]


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("batched", [False, True])
def test_to_pil_channels(channels: int, batched: bool) -> None:
    pixels = noise(channels=channels)
    tensor = torch.from_numpy(pixels).permute(2, 0, 1) / 255
    image = to_pil(tensor[None] if batched else tensor)
    assert image.mode == ("RGB" if channels == 3 else "RGBA")
    np.testing.assert_array_equal(np.asarray(image), pixels)


def test_to_pil_with_alpha_takes_its_place() -> None:
    tensor = torch.rand(1, 4, 20, 30)
    alpha = torch.full((1, 1, 20, 30), 51 / 255)
    for image in (tensor, tensor[:, :3]):
        pil = to_pil(image, alpha=alpha)
        assert pil.mode == "RGBA"
        assert (np.asarray(pil)[..., 3] == 51).all()


@pytest.mark.parametrize("shape", [(1, 1, 20, 31), (2, 1, 20, 30), (20, 30), (1, 3, 20, 30)])
def test_alpha_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match=r"alpha has shape \(.*\); wanted \(1, 1, 20, 30\), the size of its"):
        to_pil(torch.rand(1, 3, 20, 30), alpha=torch.rand(shape))


def test_alpha_out_of_range() -> None:
    with pytest.raises(ImageError, match=r"The alpha has values from 2 to 2; wanted \[0, 1\]"):
        to_pil(torch.rand(1, 3, 20, 30), alpha=torch.full((1, 1, 20, 30), 2.0))


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "RGBA", "LA"])
def test_to_pil_of_pil(mode: str) -> None:
    image = Image.new(mode, (30, 20))
    before = image.tobytes()
    result = to_pil(image)
    assert result is not image
    assert result.mode == ("RGBA" if "A" in mode else "RGB")
    assert result.size == (30, 20)
    assert image.tobytes() == before


def test_to_pil_does_not_change_its_argument() -> None:
    tensor = torch.rand(1, 3, 20, 30, requires_grad=True)
    before = tensor.detach().clone()
    to_pil(tensor)
    assert torch.equal(tensor.detach(), before)


def test_to_pil_refuses_what_is_no_picture() -> None:
    with pytest.raises(
        ImageError, match=r"The picture to save is a batch of 2 pictures; .* one by one: image\[0\]"
    ):
        to_pil(torch.rand(2, 3, 20, 30))
    with pytest.raises(ImageError, match=r"The picture to save holds NaN or infinite values"):
        to_pil(torch.full((1, 3, 20, 30), torch.nan))
    with pytest.raises(ImageError, match=r"values from 0 to 255; .* divide by 255"):
        to_pil(torch.tensor([0.0, 255.0]).expand(3, 2, 2))
    with pytest.raises(ImageError, match=r"must be a tensor, a PIL image or an array, got str\."):
        to_pil("a.png")  # type: ignore[arg-type]
    with pytest.raises(ImageError, match=r"is 0x30 pixels .* at least 1\."):
        to_pil(torch.rand(3, 0, 30))


# --- Picture -----------------------------------------------------------------------------------------------


def test_picture_is_frozen_and_compares_by_identity() -> None:
    picture = Picture(rgb=torch.zeros(1, 3, 16, 16))
    with pytest.raises(dataclasses.FrozenInstanceError):
        picture.rgb = torch.ones(1, 3, 16, 16)  # type: ignore[misc]
    assert picture == picture
    assert picture != Picture(rgb=picture.rgb)
    assert (picture.alpha, picture.path) == (None, None)


def test_load_image_is_the_rgb_of_read_picture() -> None:
    pixels = noise(60, 90, channels=4)
    assert torch.equal(load_image(pixels, short_edge=30), read_picture(pixels, short_edge=30).rgb)


def test_the_long_edge_that_is_told_is_large_enough() -> None:
    picture = np.zeros((20, 3000, 3), np.uint8)
    with pytest.raises(ImageError, match=r"3x512 .* Choose a long edge of at least 2400, or crop"):
        read_picture(picture, long_edge=512)
    assert read_picture(picture, long_edge=2400).rgb.shape == (1, 3, 16, 2400)


def test_a_tensor_without_values_is_refused() -> None:
    with pytest.raises(ImageError, match="device meta, which holds no values"):
        read_picture(torch.empty(1, 3, 32, 32, device="meta"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: torch.rand(3, 20, 30).to_sparse(),
            "is of layout torch.sparse_coo; wanted an ordinary",
        ),
        (lambda: torch.rand(20, 30).to_sparse_csr(), "is of layout torch.sparse_csr"),
        (lambda: torch.rand(1, 3, 20, 30).to_mkldnn(), "is of layout torch._mkldnn"),
        (
            lambda: torch.nested.nested_tensor([torch.rand(3, 20, 30)]),
            "is nested; wanted an ordinary dense",
        ),
        (lambda: torch.quantize_per_tensor(torch.rand(3, 20, 30), 0.1, 0, torch.quint8), "has dtype torch.quint8"),
        (lambda: torch.zeros(1).expand(3, 10**6, 10**6), "has 1000000000000 pixels, too many"),
        (lambda: torch.zeros(1).expand(10**9, 3, 16, 16), "has 256000000000 pixels, too many"),
        (lambda: np.broadcast_to(np.float32(0.5), (10**6, 10**6)), "has 1000000000000 pixels, too many"),
        (
            lambda: np.ma.masked_greater(np.ones((20, 30)), 0.5),
            "is a masked array; give its masked pixels",
        ),
        (lambda: np.zeros((20, 30), "c8"), "has dtype complex64"),
        (lambda: np.full((20, 30), None), "has dtype object"),
        (lambda: np.zeros((20, 30), [("r", "u1")]), "has dtype [('r', 'u1')]"),
    ],
)
@pytest.mark.filterwarnings("ignore")  # torch's own about sparse and nested tensors
def test_odd_tensors_and_arrays_are_refused(make: Any, message: str) -> None:
    refused(make(), message)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # numpy no longer recommends them
def test_a_matrix_is_a_grey_picture() -> None:
    values = np.random.default_rng(0).random((20, 30))
    assert torch.equal(load_image(np.asmatrix(values)), load_image(values))
