"""From a file to an open PIL image: which formats are read, which frame, and what went wrong otherwise."""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, UnidentifiedImageError

from styletransfer.errors import ImageError
from styletransfer.files import reason
from styletransfer.images import tiff

#: In the order in which they are tried: each has a signature, and none needs another program.
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "JPEG2000", "PPM")
#: Pillow's names of plugins that are not spelt like their formats.
_PLUGINS = {"WEBP": "WebP", "JPEG2000": "Jpeg2K"}
#: What a picture's name ends with, in either case.
SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff")
#: A file object that gives more is no picture, but /dev/zero or the like.
_MOST_BYTES = 2**30
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


@contextmanager
def decoding(label: str) -> Iterator[None]:
    """Turn whatever goes wrong while pillow works into an `ImageError`."""
    try:
        yield
    except ImageError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as problem:
        raise ImageError(
            f"The {label} has too many pixels for pillow to unpack it as this format ({problem}) Reduce it with "
            "another program, or save it as PNG."
        ) from problem
    except MemoryError as problem:
        raise ImageError(
            f"The {label} needs more memory than there is. Reduce it with another program."
        ) from problem
    except Exception as problem:  # on a broken file pillow's decoders raise nearly every type there is
        if isinstance(problem, OSError) and problem.strerror:  # from the operating system, not from a decoder
            raise ImageError(
                f"The {label} cannot be read: {problem.strerror}. Check its path and permissions."
            ) from problem
        said = str(problem).rstrip(".") or type(problem).__name__
        raise ImageError(
            f"The {label} cannot be read, it seems to be damaged or incomplete ({said}). "
            "Get a new copy, or save it again with another program."
        ) from problem


@contextmanager
def opened(
    source: Path | BinaryIO, label: str, frame: int | None = None
) -> Iterator[tuple[Image.Image, int | None, list[str]]]:
    """Open a picture at `frame`, or at its first full one; every problem with it becomes an `ImageError`.

    Yields the image, its frame if there are several, and what the user should know about the choice.
    """
    # Given a name instead of a file, pillow maps uncompressed TIFFs into memory, and garbles those that are stored
    # sideways with transparency (seen in 13.0).
    with decoding(label), contextlib.ExitStack() as stack:
        file = stack.enter_context(source.open("rb")) if isinstance(source, Path) else source
        suffix = source.suffix.lower() if isinstance(source, Path) else ""
        image = stack.enter_context(_recognised(file, label, suffix))
        choice = several = is_sequence(image)
        if frame is not None:
            _seek(image, frame, label)
        elif image.format == "TIFF" and (several or tiff.is_reduced(image)):
            choice = _seek_page(image, label)
        used = image.tell() if several else None
        told = choice and frame is None
        yield (
            image,
            used,
            [f"has several frames; frame {used} is used. Choose another with frame= (--frame, --style-frame)."]
            * told,
        )


def is_sequence(image: Image.Image) -> bool:
    """Whether a picture is one of several frames or pages; a photo's hidden companions (MPO) do not count."""
    if image.format == "MPO":
        return False
    with contextlib.suppress(Exception):  # whatever is wrong with the other frames
        return bool(getattr(image, "is_animated", False))
    return False


def contents(source: Any, label: str) -> BinaryIO:
    """Return bytes, or what a file object has from its position on, as a file; the position is put back."""
    if not hasattr(source, "read"):
        return io.BytesIO(source)
    try:
        position = source.tell() if getattr(source, "seekable", bool)() else None
        data = source.read(_MOST_BYTES + 1)
        if position is not None:
            source.seek(position)
    except Exception as problem:  # closed, opened for writing, cut off: as many types as there are kinds of files
        raise ImageError(f"The {label} cannot be read from its file object: {reason(problem)}.") from problem
    if not isinstance(data, bytes):
        raise ImageError(f'The {label} is a file object that gives text; open it with mode "rb".')
    if len(data) > _MOST_BYTES:
        raise ImageError(f"The {label} has more than {_MOST_BYTES} bytes; give a smaller picture.")
    if position and not data:
        raise ImageError(f"The {label} is a file object at its end; go back with .seek(0) before it is read.")
    return io.BytesIO(data)


def origin(source: Any) -> Path | None:
    """Return the file behind a PIL image or a file object, if it still knows that."""
    name: Any = getattr(source, "filename", None) or getattr(getattr(source, "fp", source), "name", None)
    with contextlib.suppress(OSError, ValueError, TypeError):  # a number, or a name that no file can have
        path = Path(os.fsdecode(name)).absolute()
        return path if path.is_file() else None
    return None


@functools.cache
def _load_plugins() -> None:
    """Import Pillow's readers of our formats; `Image.init` would import some forty more."""
    Image.preinit()
    for name in FORMATS:
        module = f"{_PLUGINS.get(name, name.title())}ImagePlugin"
        if name not in Image.OPEN:
            with contextlib.suppress(ImportError):  # of a format that this Pillow was built without
                importlib.import_module(f"PIL.{module}")


def _recognised(file: BinaryIO, label: str, suffix: str) -> Image.Image:
    """Do what `Image.open` does, for our formats, without its warning and limit, which are process-wide."""
    _load_plugins()
    head = file.read(512)
    fault = ""
    for name in FORMATS:
        factory, accept = Image.OPEN.get(name, (None, None))
        try:
            if factory is not None and accept is not None and accept(head[:16]) is True:
                file.seek(0)
                return factory(file, "")
        except (SyntaxError, IndexError, TypeError, KeyError, struct.error) as problem:
            fault = str(problem)
    hint = _kind_hint(head, suffix)
    if not hint and (what := tiff.unreadable(file)):
        hint = f": it is {what}. Save it with 8 or 16 bits a channel."
    if not hint and fault:
        raise SyntaxError(fault)
    hint = hint or ". Give a PNG, JPEG, WebP, TIFF, GIF or BMP file."
    raise ImageError(f"The {label} is not a picture that can be read{hint}") from UnidentifiedImageError()


def _seek(image: Image.Image, frame: int, label: str) -> None:
    try:
        image.seek(frame)
    except EOFError:
        raise ImageError(f"The {label} has no frame {frame}; the first one is 0. Choose another frame.") from None


def _seek_page(image: Image.Image, label: str) -> bool:
    """Go to the first page of a TIFF that is no thumbnail, and say whether there are others."""
    pages = tiff.pages(image)
    if not pages:
        raise ImageError(
            f"The {label} holds only a small preview that can be read, as camera raw files do. "
            "Export the full picture as TIFF, PNG or JPEG first."
        )
    image.seek(pages[0])
    return len(pages) > 1


def _kind_hint(head: bytes, suffix: str) -> str:
    """Say what a file that is no readable picture seems to be, and the way out."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        return ": the file is empty. Get a new copy."
    if (head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS) or suffix in (".heic", ".heif"):
        return ": it seems to be HEIC, a phone's format. Export it as JPEG or PNG."
    if start.startswith((b"<!doctype html", b"<html")):
        return ": it is a web page. Download the picture itself."
    if b"<svg" in start or suffix in (".svg", ".svgz"):
        return ": it seems to be SVG, a drawing without pixels. Export it as PNG."
    if start.startswith((b"%!ps", b"\xc5\xd0\xd3\xc6")):
        return ": it is PostScript, a drawing without pixels. Export it as PNG."
    if start.startswith(b"%pdf"):
        return ": it is a PDF document. Export the page as PNG."
    return ""
