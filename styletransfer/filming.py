"""Pictures of a descent, every so many steps: as files, and as one animation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from styletransfer import images
from styletransfer._checks import did_you_mean, integer
from styletransfer.errors import OptionError, OutputError
from styletransfer.files import check_place, new_folder, write_atomically
from styletransfer.stylizer import Step, Stylization

#: Pillow's name of the animated format that each suffix stands for.
FORMATS = {".webp": "WEBP", ".gif": "GIF", ".png": "PNG"}
#: Longer side of an animation's frames, pixels, and how many there are of a run where nothing is said.
_LONG_EDGE, _FRAMES = 512, 40
#: Milliseconds of a frame, and of the last one.
_EACH, _LAST = 80, 1500


class Film:
    """Keeps a run's picture every so many steps; usable as `on_step`.

    Args:
        size: (H, W) of the result; pictures of smaller sizes are enlarged to it.
        every: Steps from one picture to the next.
        folder: Where each is written as it is made, ``step-0010.png``; made if it is missing. None: nowhere.
        animate: Whether frames are kept for `save`.

    Raises:
        OptionError: `every` is no whole number of at least 1.

    Example:
        >>> import styletransfer as st
        >>> from styletransfer import samples
        >>> film = Film((48, 64), every=2)
        >>> photo = samples.draw("valley", long_edge=64)
        >>> result = st.stylize(photo, "mosaic", "gatys", steps=4, scales=(1.0,), long_edge=64, on_step=film)
        >>> film.steps
        [2, 4]
    """

    def __init__(
        self,
        size: tuple[int, int],
        every: int,
        *,
        folder: str | os.PathLike[str] | None = None,
        animate: bool = True,
    ) -> None:
        self.size = size
        self.every = integer(every, "save_every", low=1)
        self.folder = None if folder is None else Path(folder)
        self.steps: list[int] = []
        self._frames: list[Image.Image] | None = [] if animate else None

    def __call__(self, step: Step) -> None:
        """Keep the picture of a step if it is one of those."""
        if step.image is None or step.step % self.every:
            return
        picture = images.to_pil(images.resize(step.image[:1], self.size))
        self.steps.append(step.step)
        if self.folder is not None:
            with new_folder(self.folder):
                images.save_image(picture, self.folder / f"step-{step.step:04d}.png")
        if self._frames is not None:
            self._frames.append(_frame(picture))

    def save(self, path: str | os.PathLike[str], result: Stylization | None = None) -> Path:
        """Write the animation, with the result as its last frame, which stays for a while.

        Args:
            path: Where to; its suffix, .webp, .gif or .png, decides the format.
            result: Of the run.

        Raises:
            OutputError: Another suffix, a place that cannot be written to, or no frames.
        """
        frames = [*(self._frames or [])]
        if result is not None:
            frames.append(_frame(images.to_pil(result.image[:1])))
        if not frames:
            raise OutputError(
                f'Cannot write "{path}": no step was filmed. Film more often than every {self.every}.'
            )
        kind = FORMATS[check_film(path).suffix.lower()]
        durations = [_EACH] * (len(frames) - 1) + [_LAST]
        settings: dict[str, Any] = {"quality": 80} if kind == "WEBP" else {}

        def write(file: BinaryIO) -> None:
            frames[0].save(
                file,
                format=kind,
                save_all=True,
                append_images=frames[1:],
                duration=durations,
                loop=0,
                **settings,
            )

        return write_atomically(path, write)


def check_film(path: str | os.PathLike[str], *, protected: Sequence[str | os.PathLike[str]] = ()) -> Path:
    """Find out before the work whether an animation can be written to `path`.

    Raises:
        OutputError: It cannot.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise OutputError(
            f'Cannot write "{path}": an animation is one of {", ".join(FORMATS)}.{did_you_mean(suffix, FORMATS)}'
        )
    return check_place(path, protected=protected)


def frames_apart(steps: int) -> int:
    """Return how many steps lie between frames where nothing is said: about 40 frames of a run."""
    return max(1, round(steps / _FRAMES))


def check_followed(method: str, *, iterative: bool, asked: str, others: Sequence[str]) -> None:
    """Refuse to film a method of one step.

    Raises:
        OptionError: It has one.
    """
    if not iterative:
        raise OptionError(
            f"{asked} follows a descent, and method {method!r} has one step. Use: {', '.join(others)}."
        )


def _frame(picture: Image.Image) -> Image.Image:
    frame = picture.convert("RGB")
    frame.thumbnail((_LONG_EDGE, _LONG_EDGE))
    return frame
