"""Plain pixel values: the checks on what users hand over, and reduction to the working size.

Pixels are arrays (H, W, C) of uint8, uint16 or floats in [0, 1], with C = 1 (grey), 2 (grey, alpha), 3 (RGB)
or 4 (RGB, alpha). Nothing here is public; `styletransfer.images` is.
"""

from __future__ import annotations

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

#: Interpolation leaves values such as 1.0000001, which are not worth a refusal; they are clipped.
RANGE_TOLERANCE = 1e-6


def from_array(array: Pixels, label: str) -> Pixels:
    """Check an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of uint8, uint16 or floats in [0, 1]."""
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
    if array.dtype.kind == "f" and array.size:
        check_range(float(array.min()), float(array.max()), label)
    return array if array.ndim == 3 else array[:, :, None]


def from_tensor(tensor: Tensor, label: str) -> Tensor:
    """Check a tensor and return it as new float32 memory in [0, 1], (B, 1|3|4, H, W), on its own device."""
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
    values = tensor.detach() if tensor.ndim == 4 else tensor.detach()[None]  # (B, C, H, W)
    if not tensor.is_floating_point():
        return values.to(torch.float32) / (255 if tensor.dtype == torch.uint8 else 65535)
    values = values.float() if values.dtype.itemsize < 4 else values
    if values.numel():
        low, high = values.aminmax()
        check_range(low.item(), high.item(), label)
    return values.clamp(0, 1).to(torch.float32, memory_format=torch.contiguous_format)


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


def reduced(pixels: Pixels, size: tuple[int, int]) -> Tensor:
    """Turn (H, W, C) pixels into a (C, *size) float32 tensor in [0, 1], one channel at a time."""
    count = pixels.shape[2]
    if pixels.shape[:2] == size:
        return torch.from_numpy(np.stack([_unit(pixels[:, :, c]) for c in range(count)]))
    if count in (2, 4):
        planes = _reduced_by_alpha(pixels, size)
    else:
        planes = [_lanczos(_unit(pixels[:, :, c]), size) for c in range(count)]
    return torch.from_numpy(np.stack(planes)).clamp(0, 1)  # the filter overshoots at edges


def _reduced_by_alpha(pixels: Pixels, size: tuple[int, int]) -> list[Pixels]:
    """Reduce colours weighted by their alpha, so that what hides in transparent pixels does not bleed."""
    alpha = _unit(pixels[:, :, -1])
    small_alpha = _lanczos(alpha, size)
    planes = []
    for c in range(pixels.shape[2] - 1):
        plane = _unit(pixels[:, :, c])
        weighted, plain = _lanczos(plane * alpha, size), _lanczos(plane, size)
        planes.append(np.divide(weighted, small_alpha, out=plain, where=small_alpha > 1 / 255))
    return [*planes, small_alpha]


def _unit(plane: Pixels) -> Pixels:
    """Return a channel as new float32 memory in [0, 1]."""
    values = plane.astype(np.float32)
    if plane.dtype.kind == "f":
        return np.clip(values, 0, 1)
    return values / np.float32(np.iinfo(plane.dtype).max)


def _lanczos(plane: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize a float channel with antialiasing, without clipping."""
    height, width = size
    image = Image.fromarray(np.ascontiguousarray(plane))
    return np.array(image.resize((width, height), Image.Resampling.LANCZOS))
