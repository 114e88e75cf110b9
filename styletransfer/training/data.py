"""Random crops from a folder of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from styletransfer.errors import ImageError

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


class PictureFolder:
    """All pictures below a folder, decoded once and kept as bytes, so that two cores can feed themselves.

    Args:
        folder: Searched recursively.
        short_edge: Pictures are reduced to this shorter side (never enlarged), pixels.

    Attributes:
        skipped: Files that could not be read or are smaller than 64 pixels.

    Raises:
        ImageError: No folder, or no usable picture in it.
    """

    def __init__(self, folder: str | Path, *, short_edge: int = 288) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise ImageError(f"{self.folder} is not a folder; a folder of pictures is wanted.")
        self.skipped: list[Path] = []
        self._pictures: list[Tensor] = []
        for path in sorted(p for p in self.folder.rglob("*") if p.suffix.lower() in _SUFFIXES):
            picture = _decode(path, short_edge)
            if picture is None:
                self.skipped.append(path)
            else:
                self._pictures.append(picture)
        if not self._pictures:
            raise ImageError(
                f"{self.folder} holds no usable picture ({len(self.skipped)} unreadable or too small)."
            )

    def __len__(self) -> int:
        return len(self._pictures)

    def crops(self, batch: int, size: int, generator: torch.Generator) -> Tensor:
        """Draw `batch` random crops, flipped at random, as (batch, 3, size, size) RGB in [0, 1].

        A crop covers between about half of `size` pixels, enlarged, and the whole shorter side.
        """
        picked = torch.randint(len(self._pictures), (batch,), generator=generator).tolist()
        return torch.cat([self.crop(number, size, generator) for number in picked])

    def crop(self, number: int, size: int, generator: torch.Generator) -> Tensor:
        """Draw one such crop of picture `number`, as (1, 3, size, size)."""
        return _crop(self._pictures[number], size, generator)[None]

    def whole(self, number: int) -> Tensor:
        """Return picture `number` uncropped, as (1, 3, H, W) RGB in [0, 1]."""
        return self._pictures[number].float().div(255)[None]


def _decode(path: Path, short_edge: int) -> Tensor | None:
    try:
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError):
        return None
    if min(picture.size) < 64:
        return None
    scale = short_edge / min(picture.size)
    if scale < 1:
        width, height = (max(1, round(side * scale)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()  # (3, H, W) uint8


def _crop(picture: Tensor, size: int, generator: torch.Generator) -> Tensor:
    height, width = picture.shape[1:]
    shorter = min(height, width)
    # From an enlarged detail to the whole scene. Networks that never saw smooth, enlarged content leave the flat
    # parts of large pictures without texture.
    smallest = min(round(0.55 * size), shorter)
    side = smallest + int((shorter - smallest) * torch.rand((), generator=generator).item() ** 2)
    top = int(torch.randint(height - side + 1, (), generator=generator))
    left = int(torch.randint(width - side + 1, (), generator=generator))
    crop = picture[:, top : top + side, left : left + side].float().div(255)[None]
    if side != size:
        crop = torch.nn.functional.interpolate(
            crop, (size, size), mode="bilinear", antialias=True, align_corners=False
        )
    if torch.rand((), generator=generator) < 0.5:
        crop = crop.flip(3)
    return crop[0].clamp(0, 1)
