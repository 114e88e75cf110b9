"""Picture files below a folder, in the same order on every system; what is left out is named."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from styletransfer._checks import did_you_mean
from styletransfer.errors import ImageError
from styletransfer.images.opening import SUFFIXES

#: Suffixes of pictures in formats that are not read: such files are reported, never passed over silently.
OTHER_SUFFIXES = (
    ".heic", ".heif", ".jxl", ".jp2", ".j2k", ".jpx", ".jls", ".psd", ".xcf", ".svg", ".eps", ".ico", ".tga",
    ".dds", ".ppm", ".pgm", ".pbm", ".pnm", ".exr", ".hdr", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf",
    ".raf", ".rw2",
)  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """A file that is left out.

    Attributes:
        path: The file, or a folder that is named like a picture or cannot be entered.
        reason: Why, in a few words: ``"not a picture"``, ``"cut short or damaged"``, ``"no permission"`` ...
        kind: ``"tiny"`` for a sound picture that is too small, ``"format"`` for a picture in a format that is not
            read, else ``"unreadable"``.
    """

    path: Path
    reason: str
    kind: Literal["unreadable", "tiny", "format"] = "unreadable"

    @property
    def counts(self) -> bool:
        """Whether it counts among the bad files; one of another format does not."""
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
        problems.append(Problem(Path(error.filename), in_words(error)))

    for place, folders, names in os.walk(folder, onerror=blocked, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        problems += [
            Problem(Path(place, n), "a folder, named like a picture") for n in folders if is_picture_name(n)
        ]
        shown = [name for name in names if not name.startswith(".")]
        pictures = [Path(place, name) for name in shown if is_picture_name(name)]
        files += pictures
        others += len(shown) - len(pictures)
        problems += [_of_other_format(Path(place, n)) for n in shown if n.lower().endswith(OTHER_SUFFIXES)]
    if not files:
        raise ImageError(f"{label} {_no_files(others, problems)}")
    return sorted(files, key=Path.as_posix), sorted(problems, key=lambda problem: problem.path.as_posix())


def is_picture_name(name: str) -> bool:
    """Whether a file is named like a picture that can be read."""
    return name.lower().endswith(SUFFIXES)


def _of_other_format(path: Path) -> Problem:
    reason = f"of a format that is not read ({path.suffix.lower()}); export it as JPEG or PNG"
    return Problem(path, reason, "format")


def in_words(error: OSError) -> str:
    """Put what the operating system said into a few words."""
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
