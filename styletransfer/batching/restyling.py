"""Pictures for a training in other styles: built where it is used, so that it can be sent to worker processes."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import multiprocessing
import os
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from styletransfer import images
from styletransfer.batching.painting import Painter, Recipe
from styletransfer.batching.reading import Loaded, Reading
from styletransfer.batching.settings import settings_of
from styletransfer.batching.sources import Given, find_styles
from styletransfer.batching.stamps import Stamp, settings_id
from styletransfer.errors import ImageError, OptionError
from styletransfer.files import write_atomically
from styletransfer.images import Picture

#: Encoded styles that are kept.
_STYLES = 1024


class Here(NamedTuple):
    """What a process has built for itself."""

    process: int
    painter: Painter
    settings: str
    styles: OrderedDict[int, tuple[Any, Stamp]]


class Restyler:
    """Repaints pictures in memory, each as the type that it has.

    What holds a network is built at the first picture of each process; on the processor in a worker of a
    `DataLoader`, which torch lets work on one thread.

    Args:
        styles: See `find_styles`.
        recipe: How pictures are made.
        long_edge: Reduce styles to this longer side.
        cache: A folder that keeps results, or None.
    """

    def __init__(
        self, styles: Given | Sequence[Given], recipe: Recipe, long_edge: int | None, cache: str | Path | None
    ) -> None:
        recipe.check()
        self.styles = find_styles(styles).items
        self.recipe = recipe
        self._reading = Reading(long_edge=long_edge)
        self._cache = None if cache is None else Path(cache)
        self._here: Here | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_here": None}

    def __call__(self, picture: Any, style: int) -> Any:
        """Return a picture in a style.

        Args:
            picture: A PIL image, an array (H, W, 3), a tensor (3, H, W) or (B, 3, H, W); of floats in [0, 1] or
                uint8. It is taken as it is: no EXIF orientation or ICC profile is followed, since what belongs to
                it, boxes say, knows of none.
            style: Number of the style.

        Returns:
            The same type, with three channels, and with transparency where a PIL image has some.

        Raises:
            StyleTransferError: A picture or style that cannot be used; CUDA in a forked process.
        """
        if not isinstance(picture, (Image.Image, np.ndarray, Tensor)):
            raise ImageError(
                f"A picture must be a PIL image, an array or a tensor, got a {type(picture).__name__}."
            )
        pixels = _pixels(picture) if isinstance(picture, Image.Image) else picture
        content = images.read_picture(pixels, what="content", quiet=True)
        content = dataclasses.replace(content, rgb=content.rgb.cpu())
        return _as_given(self._painted(content, style), content.alpha, picture)

    def _painted(self, content: Picture, number: int) -> Tensor:
        here = self._built()
        style, stamp = self._style(here, number)
        if self._cache is None or content.rgb.shape[0] != 1:
            return self._new(here, content, style)
        pixels = content.rgb.contiguous().numpy().tobytes()
        key = hashlib.sha256(f"{here.settings} {stamp.sha256} {tuple(content.rgb.shape)} ".encode() + pixels)
        path = self._cache / key.hexdigest()[:2] / f"{key.hexdigest()}.png"
        if path.is_file():
            with contextlib.suppress(ImageError):  # one that is damaged is made again
                return images.load_image(path)
        data = images.encode_image(self._new(here, content, style), format="png")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: file.write(data), tidy=False)
        return images.load_image(path)

    def _new(self, here: Here, content: Picture, style: Any) -> Tensor:
        if content.rgb.shape[0] != 1:
            return here.painter.stylizer.stylize(content, style, strength=self.recipe.strength).image.cpu()
        result = here.painter.paint([content], [style])[0]
        if isinstance(result, Exception):
            raise result
        return result.image.cpu()

    def _built(self) -> Here:
        if self._here is None or self._here.process != os.getpid():
            painter = self._recipe_here().build()
            settings = settings_of(painter, self.recipe, self._reading, ".png", None)
            self._here = Here(os.getpid(), painter, settings_id(settings), OrderedDict())
        return self._here

    def _recipe_here(self) -> Recipe:
        """Return the recipe for this process: no CUDA where it cannot work, the processor where none is named."""
        device, worker = self.recipe.device, torch.utils.data.get_worker_info()
        if device is None and worker is not None:
            return dataclasses.replace(self.recipe, device="cpu")
        forked = isinstance(multiprocessing.current_process(), getattr(multiprocessing.context, "ForkProcess", ()))
        if device is not None and torch.device(device).type == "cuda" and forked:
            raise OptionError(
                f"device={str(device)!r} does not work in a forked process; use num_workers=0, "
                'multiprocessing_context="spawn", or device="cpu".'
            )
        return self.recipe

    def _style(self, here: Here, number: int) -> tuple[Any, Stamp]:
        if number not in here.styles:
            loaded: Loaded = self._reading.style(self.styles[number])
            here.styles[number] = here.painter.encode(loaded.picture), loaded.stamp
            if len(here.styles) > _STYLES:
                here.styles.popitem(last=False)
        here.styles.move_to_end(number)
        return here.styles[number]


def drawn(seed: int, *numbers: int) -> tuple[float, int]:
    """Return a number in [0, 1) and one of 32 bits that depend on the seed and the numbers alone.

    Example:
        >>> drawn(0, 1, 2) == drawn(0, 1, 2), drawn(0, 1, 2) == drawn(0, 1, 3)
        (True, False)
    """
    digest = hashlib.blake2b(" ".join(map(str, (seed, *numbers))).encode(), digest_size=8).digest()
    return int.from_bytes(digest[:4], "big") / 2**32, int.from_bytes(digest[4:], "big")


def _pixels(picture: Image.Image) -> Any:
    """Return a PIL image as an array, with transparency if it has some."""
    return np.asarray(picture.convert("RGBA" if picture.has_transparency_data else "RGB"))


def _as_given(image: Tensor, alpha: Tensor | None, given: Any) -> Any:
    """Return (B, 3, H, W) in [0, 1] as the type that was given."""
    if isinstance(given, Image.Image):
        return images.to_pil(image, alpha=alpha)
    if isinstance(given, np.ndarray):
        array = image[0].permute(1, 2, 0).numpy()
        if given.dtype.kind == "f":
            return array.astype(given.dtype)
        most = np.iinfo(given.dtype).max
        return (array * most).round().astype(given.dtype)
    values = image if given.ndim == 4 else image[0]
    if not given.is_floating_point():
        values = (values * torch.iinfo(given.dtype).max).round()
    return values.to(given.dtype).to(given.device)
