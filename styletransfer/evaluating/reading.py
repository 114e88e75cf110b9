"""A stylized picture and its content at one size: the judge compares them place by place."""

from __future__ import annotations

import os
from pathlib import Path

from styletransfer import images
from styletransfer.errors import ImageError
from styletransfer.images import Picture, read_picture
from styletransfer.images.pixels import Size, working_size

__all__ = ["PairReader", "judged_size", "read_style", "size_of"]

Source = str | os.PathLike[str]

#: Pixels by which programs may differ when they round a reduced side.
_ROUNDING = 1


def judged_size(stylized: Size, content: Size, long_edge: int | None = None) -> Size | None:
    """Return the (H, W) at which a stylized picture is compared with its content, or None if they do not fit.

    It is the largest to which nothing has to be enlarged: the stylized picture's, where that is a reduced version
    of its content. Both are reduced to `long_edge` where they are larger.

    Example:
        >>> judged_size((384, 512), (3000, 4000))
        (384, 512)
        >>> judged_size((512, 512), (3000, 4000)) is None
        True
    """
    edge = min(max(stylized), max(content), long_edge or max(stylized))
    got, wanted = (working_size(*size, edge, None) for size in (stylized, content))
    if not _near(got, wanted):
        return None
    return got if got == stylized else wanted


class PairReader:
    """Reads results with their contents; a content is read once while its results follow each other.

    Args:
        long_edge: Reduce all pictures to this longer side; smaller results are refused.
    """

    def __init__(self, long_edge: int | None = None) -> None:
        self.long_edge = long_edge
        self._last: tuple[tuple[Path, int], Picture] | None = None

    def read(self, stylized: Source, content: Source, size: Size | None = None) -> tuple[Picture, Picture]:
        """Read a stylized picture and its content at one size.

        Args:
            stylized: The file of the result.
            content: The file of the picture that was repainted, usually larger.
            size: The (H, W) at which other results of this pair are judged.

        Returns:
            Both, with (1, 3, H, W) colours.

        Raises:
            ImageError: One that cannot be read, of another shape than its content, or of another size than wanted.
        """
        result = read_picture(stylized, what="stylized picture", quiet=True)
        got = size_of(result)
        original = self._reduced(content, min(max(got), self.long_edge or max(got)))
        full = original.source_size or size_of(original)
        fits = judged_size(got, full, self.long_edge)
        if fits is None:
            raise ImageError(
                f'The stylized picture "{stylized}" is {_text(got)} pixels, its content "{content}" {_text(full)} '
                "(width x height): another shape, and they are compared place by place. Crop or resize the "
                "content as the program did that made the picture, and give that file as content."
            )
        wanted = size or (working_size(*full, self.long_edge, None) if self.long_edge else fits)
        if not _near(fits, wanted):
            smaller = min(max(fits), max(wanted))
            raise ImageError(
                f'The stylized picture "{stylized}" is {_text(got)} pixels, but its pair is judged at '
                f"{_text(wanted)}. Judge all at one size: long_edge={smaller} (--long-edge {smaller})."
            )
        if max(wanted) < max(got):
            result = read_picture(stylized, long_edge=max(wanted), what="stylized picture", quiet=True)
        if max(wanted) < max(size_of(original)):
            original = self._reduced(content, max(wanted))
        return _exactly(result, wanted), _exactly(original, wanted)

    def _reduced(self, content: Source, edge: int) -> Picture:
        key = Path(content), edge
        if self._last is None or self._last[0] != key:
            self._last = key, read_picture(key[0], long_edge=edge, what="content", quiet=True)
        return self._last[1]


def read_style(style: Source, size: Size) -> Picture:
    """Read the style picture, reduced to the longer side of `size`."""
    return read_picture(style, long_edge=max(size), what="style", quiet=True)


def _exactly(picture: Picture, size: Size) -> Picture:
    return picture if size_of(picture) == size else Picture(rgb=images.resize(picture.rgb, size))


def size_of(picture: Picture) -> Size:
    """Return a picture's (H, W)."""
    height, width = picture.rgb.shape[2:]
    return height, width


def _near(one: Size, other: Size) -> bool:
    return all(abs(a - b) <= _ROUNDING for a, b in zip(one, other, strict=True))


def _text(size: Size) -> str:
    return f"{size[1]}x{size[0]}"
