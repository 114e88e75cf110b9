"""Plain pixel values: the checks on what users hand over, and reduction to the working size.

Pixels are arrays (H, W, C) of uint8, uint16 or floats in [0, 1], with C = 1 (grey), 2 (grey, alpha), 3 (RGB)
or 4 (RGB, alpha). Nothing here is public; `styletransfer.images` is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from styletransfer._checks import integer
from styletransfer.errors import ImageError

Pixels = npt.NDArray[Any]
Size = tuple[int, int]  # (H, W)

#: Interpolation leaves values such as 1.0000001, which are not worth a refusal; they are clipped.
RANGE_TOLERANCE = 1e-6
#: Opacity up to which nobody sees a colour.
HIDDEN = 1 / 255
#: Most pixels that are unpacked unless the user allows more: a 200 megapixel phone's, 800 MB in pillow's memory.
MAX_PIXELS = 200_000_000


def from_array(array: Pixels, label: str, most: int) -> Pixels:
    """Check an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of uint8, uint16 or floats in [0, 1]."""
    if isinstance(array, np.ma.MaskedArray):
        raise ImageError(f"The {label} is a masked array; give its masked pixels a colour with .filled(...).")
    if (array.dtype.kind, array.dtype.itemsize) not in (("u", 1), ("u", 2)) and array.dtype.kind != "f":
        raise ImageError(
            f"The {label} has dtype {array.dtype}; wanted uint8 (0 to 255), uint16 (0 to 65535) or floats in "
            "[0, 1]. Convert it with .astype(...)."
        )
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        first = array.ndim == 3 and array.shape[0] in (1, 3, 4)
        hint = " The channels come last: use array.transpose(1, 2, 0)." if first else ""
        raise ImageError(
            f"The {label} has shape {array.shape}; wanted (H, W), (H, W, 3) or (H, W, 4), one picture.{hint}"
        )
    check_count(array.shape[0] * array.shape[1], label, most)
    if array.dtype.kind == "f" and array.size:
        check_range(float(array.min()), float(array.max()), label)
    plain = np.asarray(array)  # a np.matrix has two dimensions whatever is done to it
    return plain if plain.ndim == 3 else plain[:, :, None]


def from_tensor(tensor: Tensor, label: str, most: int) -> Tensor:
    """Check a tensor and return it as new float32 memory in [0, 1], (B, 1|3|4, H, W), on its own device."""
    if tensor.is_nested or tensor.layout != torch.strided:
        kind = "nested" if tensor.is_nested else f"of layout {tensor.layout}"
        cure = "Give its pictures one by one." if tensor.is_nested else "Convert it with .to_dense()."
        raise ImageError(f"The {label} is {kind}; wanted an ordinary dense tensor. {cure}")
    if not tensor.is_floating_point() and tensor.dtype not in (torch.uint8, torch.uint16):
        raise ImageError(
            f"The {label} has dtype {tensor.dtype}; wanted floats in [0, 1], or uint8 (0 to 255). "
            "Convert it with .float() or .to(torch.uint8)."
        )
    if tensor.ndim not in (3, 4) or tensor.shape[-3] not in (1, 3, 4) or 0 in tensor.shape[:-3]:
        last = tensor.ndim in (3, 4) and tensor.shape[-1] in (1, 3, 4)
        hint = " The channels come first: use .movedim(-1, -3)." if last else ""
        raise ImageError(
            f"The {label} has shape {tuple(tensor.shape)}; wanted (C, H, W) or (B, C, H, W), C = 1 (grey), "
            f"3 (RGB) or 4 (RGB and alpha) and B of at least 1.{hint}"
        )
    if tensor.is_meta:
        raise ImageError(f"The {label} is on the device meta, which holds no values; give it on a real device.")
    check_count(tensor.numel() // tensor.shape[-3], label, most)
    values = tensor.detach() if tensor.ndim == 4 else tensor.detach()[None]  # (B, C, H, W)
    if not tensor.is_floating_point():
        return values.to(torch.float32) / (255 if tensor.dtype == torch.uint8 else 65535)
    values = values.float() if values.dtype.itemsize < 4 else values
    if values.numel():
        low, high = values.aminmax()
        check_range(low.item(), high.item(), label)
    return values.clamp(0, 1).to(torch.float32, memory_format=torch.contiguous_format)


def check_count(pixels: int, label: str, most: int) -> None:
    """Raise `ImageError` for a picture with more than `most` pixels."""
    if pixels > most:
        raise ImageError(
            f"The {label} has {pixels} pixels, too many to be unpacked safely; at most {most} are allowed. "
            "Reduce it with another program first, or allow more with max_pixels (--max-pixels)."
        ) from Image.DecompressionBombError(f"{pixels} pixels")


def check_range(low: float, high: float, label: str) -> None:
    """Raise `ImageError` unless `low` and `high`, the extremes of a picture, are finite and within [0, 1]."""
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImageError(
            f"The {label} holds NaN or infinite values; wanted numbers in [0, 1]. "
            "Find where they arise, or replace them with nan_to_num."
        )
    if low >= -RANGE_TOLERANCE and high <= 1 + RANGE_TOLERANCE:
        return
    if low >= 0 and 2 < high <= 255:
        cure = "It looks like 0 to 255: divide by 255."
    elif low >= -1 and high <= 1:
        cure = "It looks like -1 to 1: use (x + 1) / 2."
    else:
        cure = "Undo any normalisation made for a network, or clip the values."
    raise ImageError(f"The {label} has values from {low:.6g} to {high:.6g}; wanted [0, 1]. {cure}")


def check_sides(
    height: int, width: int, label: str, smallest: int, after: str = "", cure: str = "Give a larger picture."
) -> None:
    """Raise `ImageError` for a picture with a side below `smallest`; `after` says what made it so small."""
    if min(height, width) < smallest:
        raise ImageError(
            f"The {label} is {height}x{width} pixels (height x width){after}; both sides must be at least "
            f"{smallest}. {cure}"
        )


def working_size(height: int, width: int, long_edge: int | None, short_edge: int | None) -> tuple[int, int]:
    """Return (H, W) with the chosen edge reduced to its length and the other in proportion."""
    wanted = long_edge if long_edge is not None else short_edge
    edge = max(height, width) if long_edge is not None else min(height, width)
    if wanted is None or edge <= wanted:
        return height, width
    # Whole numbers throughout, so that halves round up on every machine.
    height, width = ((2 * side * wanted + edge) // (2 * edge) for side in (height, width))
    return max(1, height), max(1, width)


def resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring pictures to another size on their own device, for work from coarse to fine.

    Antialiased bicubic, clipped to [0, 1]; gradients flow through it.

    Args:
        images: (B, C, H, W) in [0, 1].
        size: (H, W) wanted, in pixels.

    Returns:
        (B, C, *size), always new memory.

    Raises:
        OptionError: A side that is not a whole number of at least 1.

    Example:
        >>> import torch
        >>> resize(torch.rand(1, 3, 32, 48), (16, 24)).shape
        torch.Size([1, 3, 16, 24])
    """
    height, width = (integer(side, "Each side of size", low=1) for side in size)
    if images.shape[2:] == (height, width):
        return images.clone()
    scaled = F.interpolate(images, size=(height, width), mode="bicubic", antialias=True, align_corners=False)
    return scaled.clamp(0, 1)


def factor_of(whole: Size, size: Size) -> int:
    """Return by how much a picture is averaged before Lanczos brings it from `whole` to `size`.

    At least three averaged pixels are left for each one of the result, so that no difference can be seen.
    """
    return max(1, min(whole[0] // size[0], whole[1] // size[1]) // 3)


def strips_of(height: int, width: int, factor: int) -> Iterator[tuple[int, int]]:
    """Cut a picture into strips (first row, row behind the last) of about a million pixels, to save memory."""
    rows = factor * max(1, 2**20 // (width * factor))
    return ((top, min(top + rows, height)) for top in range(0, height, rows))


def reduced(pixels: Pixels, size: Size) -> Pixels:
    """Bring (H, W, C) pixels to (*size, C) float32 in [0, 1]."""
    height, width = pixels.shape[:2]
    factor = factor_of((height, width), size)
    strips = (pixels[top:bottom] for top, bottom in strips_of(height, width, factor))
    return resampled(strips, (height, width), size, factor)


def resampled(
    strips: Iterable[Pixels], whole: Size, size: Size, factor: int, extent: tuple[float, float] | None = None
) -> Pixels:
    """Put strips of a picture together, averaged over `factor` pixels each way, and bring them to `size`.

    Colours are weighted by their transparency, so that what hides in transparent pixels does not bleed.

    Args:
        strips: (H, W, C) pixels, one below the other; the height of each but the last is a multiple of `factor`.
        whole: (H, W) of all of them together.
        size: (H, W) wanted, at most as large.
        factor: As `factor_of` gives it.
        extent: How far the picture reaches in its last row and column, (height, width), if they are not full.

    Returns:
        (*size, C) float32 in [0, 1].
    """
    small = []
    for strip in strips:
        values = _unit(strip)
        transparent = values.shape[2] in (2, 4)
        if transparent and size != whole:
            values[:, :, :-1] *= values[:, :, -1:]
        small.append(values if factor == 1 else _planes(values, lambda plane: plane.reduce(factor)))
    pixels = np.concatenate(small)
    if size == whole:
        return pixels
    height, width = extent or whole
    box = (0, 0, width / factor, height / factor)
    pixels = _planes(pixels, lambda plane: plane.resize(size[::-1], Image.Resampling.LANCZOS, box))
    if transparent:
        colours, alpha = pixels[:, :, :-1], pixels[:, :, -1:]
        np.divide(colours, alpha, out=colours, where=alpha > HIDDEN)
    return pixels.clip(0, 1)  # the filter overshoots at edges


def _planes(pixels: Pixels, change: Callable[[Image.Image], Image.Image]) -> Pixels:
    """Change each channel of (H, W, C) float32 pixels as a picture of its own."""
    channels = (np.ascontiguousarray(pixels[:, :, c]) for c in range(pixels.shape[2]))
    return np.dstack([np.asarray(change(Image.fromarray(channel))) for channel in channels])


def _unit(pixels: Pixels) -> Pixels:
    """Return pixels as new float32 memory in [0, 1]."""
    values = pixels.astype(np.float32)
    if pixels.dtype.kind == "f":
        return values.clip(0, 1, out=values)
    values /= np.float32(np.iinfo(pixels.dtype).max)
    return values


def filled(rgb: Tensor, alpha: Tensor) -> Tensor:
    """Give pixels that nobody sees the colours of their surroundings, so that what looks the same is the same.

    A colour counts for nothing up to an opacity of 1/255, and in full from about 1/15 on. Where nothing is to be
    seen in the whole picture, it is white.

    Args:
        rgb: (B, 3, H, W).
        alpha: (B, 1, H, W).

    Returns:
        (B, 3, H, W); colours that count in full are unchanged.
    """
    weight = ((alpha - HIDDEN) * 16).clamp(0, 1)
    return rgb if bool((weight == 1).all()) else _surrounded(rgb * weight, weight)


def _surrounded(weighted: Tensor, weight: Tensor) -> Tensor:
    """Fill up each pixel to a weight of 1 with what the picture at half its size has there, and so on."""
    colours = weighted / weight.clamp_min(1e-12)
    if max(weight.shape[2:]) == 1:
        return torch.where(weight > 0, colours, torch.ones_like(colours))
    coarse = _surrounded(*(F.avg_pool2d(values, 2, ceil_mode=True) for values in (weighted, weight)))
    around = F.interpolate(coarse, size=weight.shape[2:], mode="bilinear", align_corners=False)
    return torch.lerp(around, colours, weight)
