"""Picture files below a folder: to find them, and to read one as small RGB bytes or say why not."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from styletransfer._checks import did_you_mean
from styletransfer.errors import ImageError
from styletransfer.images.decode import from_path, stored_size
from styletransfer.images.opening import SUFFIXES
from styletransfer.images.pixels import Pixels, filled

#: Suffixes of pictures in formats that are not read: such files are reported, never passed over silently.
OTHER_SUFFIXES = (
    ".heic", ".heif", ".jxl", ".jp2", ".j2k", ".jpx", ".jls", ".psd", ".xcf", ".svg", ".eps", ".ico", ".tga",
    ".dds", ".ppm", ".pgm", ".pbm", ".pnm", ".exr", ".hdr", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf",
    ".raf", ".rw2",
)  # fmt: skip
#: Shortest side, in pixels, of a picture that can teach anything.
SMALLEST_SIDE = 64


@dataclass(frozen=True)
class Problem:
    """A file that is left out of a training.

    Attributes:
        path: The file, or a folder that is named like a picture or cannot be entered.
        reason: Why, in a few words: ``"not a picture"``, ``"cut short or damaged"``, ``"no permission"`` ...
        kind: ``"tiny"`` for a sound picture whose shorter side is below 64 pixels, ``"format"`` for a picture in
            a format that is not read, else ``"unreadable"``.
    """

    path: Path
    reason: str
    kind: Literal["unreadable", "tiny", "format"] = "unreadable"

    @property
    def counts(self) -> bool:
        """Whether it counts among the bad files that stop a training; one of another format does not."""
        return self.kind != "format"


def find_pictures(folder: Path, what: str = "picture") -> tuple[list[Path], list[Problem]]:
    """List the files below a folder that are named like pictures, in the same order on every system.

    Links are followed. Names that begin with a dot are passed over: they belong to the system (macOS leaves a
    ``._photo.jpg`` beside each ``photo.jpg`` of an archive).

    Args:
        folder: Searched recursively.
        what: What it holds, for messages: ``"content"`` or ``"style"``.

    Returns:
        The files; as problems folders named like pictures, those that cannot be entered, and other formats.

    Raises:
        ImageError: No such folder, a file in its place, an empty folder, or no file named like a picture.
    """
    label = f'The {what} folder "{folder}"'
    if not folder.is_dir():
        raise ImageError(f"{label} {_no_folder(folder)}")
    files: list[Path] = []
    problems: list[Problem] = []
    others = 0
    seen: set[str] = set()

    def blocked(error: OSError) -> None:
        problems.append(Problem(Path(error.filename), _of_system(error)))

    for place, folders, names in os.walk(folder, onerror=blocked, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        problems += [Problem(Path(place, n), "a folder, named like a picture") for n in folders if _named(n)]
        shown = [name for name in names if not name.startswith(".")]
        files += [Path(place, name) for name in shown if _named(name)]
        others += sum(not _named(name) for name in shown)
        problems += [_of_other_format(Path(place, n)) for n in shown if n.lower().endswith(OTHER_SUFFIXES)]
    if not files:
        raise ImageError(f"{label} {_no_files(others, problems)}")
    return sorted(files, key=Path.as_posix), sorted(problems, key=lambda problem: problem.path.as_posix())


def decode(path: Path, short_edge: int) -> Tensor | Problem:
    """Read a picture upright and in sRGB, reduced to `short_edge` (never enlarged), without transparency.

    Returns:
        (3, H, W) uint8 RGB; or the problem, if it cannot be read or is tiny.
    """
    try:
        pixels, _ = from_path(path, "picture", no_smaller_than=short_edge)
    except ImageError as error:
        return Problem(path, _reason(path, error))
    height, width = pixels.shape[:2]
    return _tiny(path, height, width) if min(height, width) < SMALLEST_SIDE else _eight_bit_rgb(pixels)


def glance(path: Path) -> Problem | None:
    """Return the problem that a file's header shows, without decoding it: what is cut short is not found."""
    try:
        height, width = stored_size(path, "picture")
    except ImageError as error:
        return Problem(path, _reason(path, error))
    return _tiny(path, height, width) if min(height, width) < SMALLEST_SIDE else None


def pixel_hash(path: Path) -> bytes | None:
    """Return a hash of a picture's size and pixels at full size; None if it can be read no more."""
    try:
        pixels, _ = from_path(path, "picture")
    except ImageError:
        return None
    picture = _eight_bit_rgb(pixels)
    return hashlib.sha256(str(picture.shape).encode() + picture.numpy().tobytes()).digest()


def _eight_bit_rgb(pixels: Pixels) -> Tensor:
    """Turn (H, W, 1 to 4) pixels into (3, H, W) uint8; what is transparent shows the colours around it."""
    values = torch.from_numpy(np.ascontiguousarray(pixels)).movedim(2, 0)[None]
    rgb = values[:, :3] if values.shape[1] >= 3 else values[:, :1].expand(-1, 3, -1, -1)
    if values.shape[1] in (2, 4):
        rgb = filled(rgb.contiguous(), values[:, -1:])
    return (rgb[0] * 255).round().clamp(0, 255).to(torch.uint8).contiguous()


def _named(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _of_other_format(path: Path) -> Problem:
    reason = f"of a format that is not read ({path.suffix.lower()}); export it as JPEG or PNG"
    return Problem(path, reason, "format")


def _tiny(path: Path, height: int, width: int) -> Problem:
    reason = f"only {width}x{height} pixels (width x height), at least {SMALLEST_SIDE} are wanted"
    return Problem(path, reason, "tiny")


def _reason(path: Path, error: ImageError) -> str:
    """Say in a few words why `from_path` refused a file; it chains what pillow or the system said."""
    cause = error.__cause__
    if isinstance(cause, UnidentifiedImageError):
        return "not a picture" if path.stat().st_size else "not a picture, the file is empty"
    if isinstance(cause, (Image.DecompressionBombWarning, Image.DecompressionBombError)):
        return "too many pixels (decompression bomb)"
    if isinstance(cause, OSError) and cause.strerror:
        return _of_system(cause)
    if cause is not None:
        return "cut short or damaged"
    if not path.exists():
        return "the file is gone, or a link that leads nowhere"
    return "no ordinary picture of 8 or 16 bits" if path.is_file() else "no ordinary file"


def _of_system(error: OSError) -> str:
    return "no permission" if isinstance(error, PermissionError) else str(error.strerror).lower()


def _no_folder(folder: Path) -> str:
    if folder.exists():
        return "is a file; give its folder."
    if not folder.parent.is_dir():
        return f'does not exist, nor does "{folder.parent}"; check the path.'
    near = did_you_mean(folder.name, [entry.name for entry in folder.parent.iterdir() if entry.is_dir()])
    return f"does not exist.{near} Check the path."


def _no_files(others: int, problems: list[Problem]) -> str:
    if problems:
        named = f'"{problems[0].path}" is {problems[0].reason}'
        return f"holds no picture file, and {named}. Give a folder with pictures in it or below it."
    wanted = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
    if others:
        return f"holds {others} file(s), none of which is named like a picture ({wanted}). Give another folder."
    return f"is empty; wanted are pictures ({wanted}) in it or in folders below it."
