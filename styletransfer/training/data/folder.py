"""Folders of pictures to learn from: looked at once before a training, kept in memory while there is room."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from styletransfer._checks import choice, integer, number
from styletransfer.errors import ImageError, TrainingError
from styletransfer.images.folders import Problem, find_pictures
from styletransfer.training.data.files import SMALLEST_SIDE, decode, glance

#: Up to so many files are decoded before a training starts; of larger folders only the headers are read.
FULL_LOOK = 5000
#: A training stops when more than this share of a folder's files is bad ...
BAD_SHARE = 0.01
#: ... and at least so many are; a dozen holiday photos with a broken one are no reason to stop.
BAD_FILES = 10
#: Files that a message names.
_NAMED = 5


class PictureFolder:
    """All pictures below a folder, reduced, and kept in memory as bytes up to a limit.

    Construction looks at every file: up to 5,000 are decoded (which also fills the memory), of more only the
    headers are read. What cannot be used is left out and listed in `problems`. A copy that goes to another process
    leaves the memory behind.

    Args:
        folder: Searched recursively.
        short_edge: Larger pictures are reduced to this shorter side; pixels.
        cache_megabytes: How much is kept; what does not fit is decoded again each time.
        check: ``"full"`` (decode everything), ``"header"``, or ``"auto"`` (by the number of files).
        at_least: Usable pictures that are needed.
        what: What it holds, for messages: ``"content"`` or ``"style"``.
        on_progress: Called with (files looked at, files in all) after each file of the first look.

    Attributes:
        folder: The folder.
        short_edge: As given.
        paths: The pictures that passed the first look, in the same order on every system.
        problems: What was left out so far, each file once.
        files: How many candidates there were: pictures and problems, without files of formats that are not read.

    Raises:
        ImageError: No such folder, no folder, nothing in it, nothing named like a picture, or fewer than
            `at_least` usable pictures.
        OptionError: A number or a `check` outside its range.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        short_edge: int = 320,
        cache_megabytes: float = 1024,
        check: str = "auto",
        at_least: int = 1,
        what: str = "picture",
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.short_edge = integer(short_edge, "short_edge", low=SMALLEST_SIDE)
        self._room = int(1e6 * number(cache_megabytes, "cache_megabytes", low=0))
        choice(check, ("auto", "full", "header"), "check")
        self.paths: list[Path] = []
        self._kept: dict[int, Tensor] = {}
        self._bad: set[int] = set()
        found, self.problems = find_pictures(self.folder, what)
        self.files = len(found) + sum(problem.counts for problem in self.problems)
        full = check == "full" or (check == "auto" and len(found) <= FULL_LOOK)
        for looked_at, path in enumerate(found, start=1):
            seen = decode(path, self.short_edge) if full else glance(path)
            if isinstance(seen, Problem):
                self.problems.append(seen)
            else:
                if seen is not None:
                    self._keep(len(self.paths), seen)
                self.paths.append(path)
            if on_progress is not None:
                on_progress(looked_at, len(found))
        if len(self.paths) < integer(at_least, "at_least", low=1):
            raise ImageError(self._too_few(at_least, what))

    def __len__(self) -> int:
        return len(self.paths)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_kept": {}, "_room": self._room + sum(x.nbytes for x in self._kept.values())}

    def picture(self, number: int) -> Tensor | None:
        """Return picture `number` as (3, H, W) uint8, not to be changed; None if it turned out to be bad.

        A bad picture is noted in `problems` when it is met first.
        """
        if number in self._bad:
            return None
        kept = self._kept.get(number)
        if kept is not None:
            return kept
        read = decode(self.paths[number], self.short_edge)
        if isinstance(read, Problem):
            self._bad.add(number)
            self.note(read)
            return None
        self._keep(number, read)
        return read

    def whole(self, number: int) -> Tensor:
        """Return picture `number` uncropped, as (1, 3, H, W) float32 RGB in [0, 1].

        Raises:
            ImageError: It has turned out to be bad.
        """
        picture = self.picture(number)
        if picture is None:
            path = self.paths[number]
            reason = next(problem.reason for problem in self.problems if problem.path == path)
            raise ImageError(f'The picture "{path}" cannot be used: {reason}. Remove it, or get a new copy.')
        return picture.float().div(255)[None]

    def note(self, problem: Problem) -> bool:
        """Add a problem that was met elsewhere, in another process say; return whether it was news."""
        if any(known.path == problem.path for known in self.problems):
            return False
        self.problems.append(problem)
        return True

    def gone(self, number: int, attempts: int) -> TrainingError:
        """Return the error for a folder of which `attempts` pictures in a row, `number` the last, were bad."""
        return TrainingError(
            f'{attempts} pictures in a row cannot be read from "{self.folder}", the last being '
            f'"{self.paths[number]}". Is the drive still there? The last checkpoint is intact: continue with '
            "--resume when the pictures are back."
        )

    def check_problems(self) -> None:
        """Stop a training on bad data; to be called after the first look and whenever problems were met.

        Raises:
            TrainingError: `too_many_problems`; the message names up to five files and the way to see all.
        """
        bad = [problem for problem in self.problems if problem.counts]
        if too_many_problems(len(bad), self.files):
            raise TrainingError(
                f'{len(bad)} of the {self.files} files in "{self.folder}" cannot be used '
                f"({len(bad) / self.files:.1%}; at most {BAD_SHARE:.0%} are left out): {self._named(bad)}. To see "
                f"all of them: styletransfer data scan {self.folder}. Repair or remove them, then start again."
            )

    def fingerprint(self) -> str:
        """Return a hash of the usable pictures' names: the same crops need the same."""
        names = "\n".join(path.relative_to(self.folder).as_posix() for path in self.paths)
        return hashlib.sha256(names.encode(errors="surrogateescape")).hexdigest()

    def share_room(self, processes: int) -> None:
        """Keep only one `processes`-th as much as was allowed, because others keep pictures too."""
        self._room //= processes

    def _keep(self, number: int, picture: Tensor) -> None:
        # Pictures are drawn at random, so keeping the first that fit is as good as keeping the latest.
        if picture.nbytes <= self._room:
            self._room -= picture.nbytes
            self._kept[number] = picture

    def _too_few(self, at_least: int, what: str) -> str:
        held = "no usable picture" if not self.paths else f"only {len(self.paths)} usable picture(s)"
        left_out = f" {len(self.problems)} left out: {self._named(self.problems)}." if self.problems else ""
        return (
            f'The {what} folder "{self.folder}" holds {held}; at least {at_least} needed.{left_out} Add pictures.'
        )

    def _named(self, problems: Sequence[Problem]) -> str:
        """Name the first problems."""
        told = [f"{p.path.relative_to(self.folder).as_posix()} ({p.reason})" for p in problems[:_NAMED]]
        more = len(problems) - len(told)
        return "; ".join(told) + (f"; and {more} more" if more else "")


def too_many_problems(bad: int, files: int) -> bool:
    """Return whether a training must stop: more than 1 % of its files are bad, and at least 10 of them.

    >>> too_many_problems(4, 12), too_many_problems(11, 1000), too_many_problems(10, 1000)
    (False, True, False)
    """
    return bad >= BAD_FILES and bad > BAD_SHARE * files


def count_shared(first: PictureFolder, second: PictureFolder) -> int:
    """Return how many files two folders have in common, under whatever names they were given."""
    return len({path.resolve() for path in first.paths} & {path.resolve() for path in second.paths})
