"""What `styletransfer stylize` writes: the picture, and the pictures of its descent."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from styletransfer._checks import integer
from styletransfer.cli.streams import check_binary_output, write_bytes
from styletransfer.errors import OptionError, OutputError
from styletransfer.files import folder_files
from styletransfer.methods import METHODS

if TYPE_CHECKING:
    from styletransfer.filming import Film
    from styletransfer.images import Picture
    from styletransfer.stylizer import OnStep, Step, Stylization, Stylizer

#: Longest file name that usual file systems take is 255 bytes; some are left for a number and the suffix.
_LONGEST_STEM = 240
#: Keyword of the record in PNG metadata.
_KEYWORD = "styletransfer"


@dataclass(frozen=True)
class Saving:
    """Where and how the result is written.

    Attributes:
        target: A path, or ``"-"``.
        protected: Files that are never overwritten.
        settings: Of `images.save_image`.
        metadata: Whether the run's record goes into the file.
    """

    target: str
    protected: Sequence[str]
    settings: Mapping[str, Any]
    metadata: bool

    @property
    def name(self) -> str:
        """For messages."""
        return "standard output" if self.target == "-" else self.target

    def check(self, content: Picture | None = None) -> None:
        """Find out before the work whether the result can be written; with the content, whether it fits."""
        from styletransfer import images

        if self.target == "-":
            check_binary_output()
        images.check_output(
            io.BytesIO() if self.target == "-" else self.target,
            size=None if content is None else (content.rgb.shape[2], content.rgb.shape[3]),
            protected=self.protected,
            metadata={_KEYWORD: ""} if self.metadata else None,
            **self.settings,
        )

    def save(self, result: Stylization) -> None:
        """Write a result."""
        metadata = {_KEYWORD: json.dumps(result.record())} if self.metadata else None
        buffer = io.BytesIO()
        result.save(buffer if self.target == "-" else self.target, metadata=metadata, **self.settings)
        if self.target == "-":
            write_bytes(buffer.getvalue())


class Filming:
    """What is kept of the steps.

    Args:
        method: Name of the method.
        every: Steps between pictures that are written, or None.
        animation: A file, or None.
        target: Where the result goes.
    """

    def __init__(self, method: str, every: int | None, animation: str | None, target: str) -> None:
        self._method, self._every, self._animation, self._target = method, every, animation, target
        self._film: Film | None = None

    @property
    def _folder(self) -> Path | None:
        stem = Path("stylized.png" if self._target == "-" else self._target)
        return None if self._every is None else stem.with_name(f"{stem.stem}-steps")

    def check(self, inputs: Sequence[str]) -> None:
        """Find out before the work whether it can be done."""
        if self._every is None and self._animation is None:
            return
        from styletransfer.filming import check_film, check_followed

        asked = "--animation" if self._every is None else "--save-every"
        others = [name for name, method in METHODS.items() if method.iterative]
        check_followed(self._method, iterative=METHODS[self._method].iterative, asked=asked, others=others)
        if self._every is not None:
            integer(self._every, "--save-every", low=1)
        if self._folder is not None:
            folder_files(self._folder, [], protected=inputs)
            inside = [name for name in inputs if Path(name).resolve().parent == self._folder.resolve()]
            if inside:
                raise OutputError(
                    f"{inside[0]} lies in the folder {self._folder}, into which steps are written; inputs are "
                    "never overwritten. Give another output (-o)."
                )
        if self._animation is not None:
            check_film(self._animation, protected=inputs)
            if Path(self._animation).resolve() == Path(self._target).resolve():
                raise OptionError(f"-o and --animation both name {self._target}; give two files.")

    def watching(self, stylizer: Stylizer, content: Picture, bar: OnStep | None) -> OnStep | None:
        """Return what follows the steps: the bar, and the film."""
        if self._every is None and self._animation is None:
            return bar
        from styletransfer.filming import Film, frames_apart

        size = content.rgb.shape[2], content.rgb.shape[3]
        every = self._every or frames_apart(stylizer.plan(size).steps)
        film = self._film = Film(size, every, folder=self._folder, animate=self._animation is not None)

        def watch(step: Step) -> None:
            film(step)
            if bar is not None:
                bar(step)

        return watch

    def save(self, result: Stylization) -> str:
        """Write the animation; return what there is besides the picture, for messages."""
        if self._film is None:
            return ""
        told = "" if self._folder is None else f", {len(self._film.steps)} steps in {self._folder}"
        if self._animation is None:
            return told
        self._film.save(self._animation, result)
        return f"{told}, {self._animation}"


def default_output(content: str, styles: Sequence[str], method: str, suffix: str = "png") -> Path:
    """Name a file in the current folder after the inputs, cut to what file systems take; never one that exists."""
    stem = "-".join(["input" if name == "-" else Path(name).stem for name in (content, *styles)] + [method])
    stem = os.fsencode(stem)[:_LONGEST_STEM].decode(sys.getfilesystemencoding(), "ignore")
    path, number = Path(f"{stem}.{suffix}"), 2
    while path.exists():
        path, number = Path(f"{stem}-{number}.{suffix}"), number + 1
    return path
