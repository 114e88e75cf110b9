"""Pictures of a descent, every so many steps: as files, and as one animation."""

from __future__ import annotations

import base64
import html
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Animation:
    """Pictures that move: shown by a notebook, and written to a file.

    A notebook gets one animated WebP within the page. It needs no JavaScript and no network, so it moves in
    JupyterLab, in notebooks that are not trusted, and in the HTML pages that nbconvert writes.

    Attributes:
        frames: RGB pictures of one size, at least one.
        milliseconds: How long each is shown; the last one stays for at least one and a half seconds.
        title: What it shows, for readers who cannot see it.

    Raises:
        OptionError: No frame, or `milliseconds` is no whole number of at least 1.

    Example:
        >>> from PIL import Image
        >>> film = Animation(frames=[Image.new("RGB", (32, 24), shade) for shade in ("black", "white")])
        >>> film
        <Animation, 2 frames of 32x24 pixels>
    """

    frames: Sequence[Image.Image]
    milliseconds: int = _EACH
    title: str = "animation"

    def __post_init__(self) -> None:
        """Validate."""
        integer(self.milliseconds, "milliseconds", low=1)
        if not self.frames:
            raise OptionError("An animation has at least one frame, got none.")

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it; the suffix, .webp, .gif or .png, decides the format.

        Raises:
            OutputError: Another suffix, or a place that cannot be written to.
        """
        kind = FORMATS[check_film(path).suffix.lower()]
        return write_atomically(path, lambda file: self._write(file, kind))

    def _write(self, file: BinaryIO, kind: str) -> None:
        first, *others = self.frames
        durations = [*[self.milliseconds] * len(others), max(self.milliseconds, _LAST)]
        settings: dict[str, Any] = {"quality": 80} if kind == "WEBP" else {}
        first.save(file, format=kind, save_all=True, append_images=others, duration=durations, loop=0, **settings)

    def _repr_html_(self) -> str:
        file = io.BytesIO()
        self._write(file, "WEBP")
        data = base64.b64encode(file.getvalue()).decode()
        return f'<img src="data:image/webp;base64,{data}" alt="{html.escape(self.title)}">'

    def __repr__(self) -> str:
        width, height = self.frames[0].size
        return f"<Animation, {len(self.frames)} frames of {width}x{height} pixels>"


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

    @property
    def frames(self) -> Mapping[int, Image.Image]:
        """The pictures that were kept, by step; longer side at most 512 pixels. None without `animate`."""
        return dict(zip(self.steps, self._frames or [], strict=False))

    def animation(self, result: Stylization | None = None, *, milliseconds: int = _EACH) -> Animation:
        """Return the descent as an animation, which a notebook shows.

        Args:
            result: Of the run: the last frame.
            milliseconds: How long each frame is shown.

        Raises:
            OptionError: No frame was kept, or bad `milliseconds`.

        Example:
            >>> import styletransfer as st
            >>> from styletransfer import samples
            >>> film, photo = Film((48, 64), every=1), samples.draw("valley", long_edge=64)
            >>> result = st.stylize(photo, "mosaic", "gatys", steps=3, scales=(1.0,), long_edge=64, on_step=film)
            >>> film.animation(result)
            <Animation, 4 frames of 64x48 pixels>
        """
        frames = [*(self._frames or [])]
        if result is not None:
            frames.append(_frame(images.to_pil(result.image[:1])))
        if not frames:
            raise OptionError(f"No step was filmed. {self._way_out()}")
        return Animation(frames=frames, milliseconds=milliseconds, title="the picture after each step")

    def save(self, path: str | os.PathLike[str], result: Stylization | None = None) -> Path:
        """Write the animation, with the result as its last frame, which stays for a while.

        Args:
            path: Where to; its suffix, .webp, .gif or .png, decides the format.
            result: Of the run.

        Raises:
            OutputError: Another suffix, a place that cannot be written to, or no frames.
        """
        if result is None and not self._frames:
            raise OutputError(f'Cannot write "{path}": no step was filmed. {self._way_out()}')
        return self.animation(result).save(path)

    def _way_out(self) -> str:
        return "Film with animate=True." if self._frames is None else f"Film more often than every {self.every}."


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
