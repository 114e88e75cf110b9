"""Style codes: styles that were encoded once, kept in small files and taken wherever a style picture is.

A file holds one or several. The library is the file in which ``styletransfer styles add`` keeps them; those in it
are taken by their names, as the drawn styles are.

>>> from styletransfer import samples
>>> code = encode(samples.draw("mosaic", long_edge=64), name="small mosaic", licence="MIT")
>>> code.info.extractor
'vgg19-lite-1'
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from styletransfer import images, samples
from styletransfer._checks import did_you_mean
from styletransfer.code_files import (
    SUFFIX,
    CodeInfo,
    check_name,
    cleaned,
    is_code_file,
    read_code_file,
    read_code_infos,
    write_code_file,
)
from styletransfer.errors import ImageError, OptionError, WeightsError
from styletransfer.files import alone
from styletransfer.images import ImageSource, Picture
from styletransfer.methods import DEFAULT_METHOD, METHODS, create_stylizer
from styletransfer.request import EncodedStyle
from styletransfer.weights import store

if TYPE_CHECKING:
    from styletransfer.stylizer import Stylizer

__all__ = [
    "CodeInfo",
    "StyleCode",
    "add_codes",
    "as_picture_source",
    "encode",
    "find",
    "library",
    "list_codes",
    "load_codes",
    "look_up",
    "remove_codes",
    "save_codes",
]

#: Between a file's name and that of one of its styles.
_SEPARATOR = "#"


@dataclass(frozen=True, kw_only=True, eq=False)
class StyleCode:
    """An encoded style with what is known of it.

    Attributes:
        info: Name, origin, licence, extractor.
        style: What a stylizer takes.
    """

    info: CodeInfo
    style: EncodedStyle


def encode(
    picture: ImageSource | Picture,
    stylizer: Stylizer | None = None,
    *,
    name: str | None = None,
    source: str | None = None,
    licence: str | None = None,
    mask: ImageSource | Picture | None = None,
    long_edge: int | None = None,
) -> StyleCode:
    """Encode a style picture.

    Args:
        picture: Path, PIL image, array, tensor, or the name of a drawn style.
        stylizer: Who encodes it; the default method on its own extractor if absent.
        name: What it is called; by default the file's name without its suffix.
        source: Where the picture comes from; by default the file's name.
        licence: Terms of use of the picture.
        mask: A grey picture, white over the part that is looked at; by default all of it.
        long_edge: Reduce the picture to this longer side first: strokes follow its size.

    Raises:
        StyleTransferError: Bad input, or a method that does not encode styles.
    """
    encoder: Any = create_stylizer(DEFAULT_METHOD) if stylizer is None else stylizer
    if not hasattr(encoder, "declaration"):
        raise OptionError(f"stylizer is one from create_stylizer, got a {type(encoder).__name__}.")
    if encoder.declaration.encoded is None:
        others = ", ".join(other for other, declared in METHODS.items() if declared.encoded is not None)
        raise OptionError(f"Method {encoder.method!r} does not encode styles. Choose from: {others}.")
    read = picture
    if not isinstance(read, Picture):
        read = images.read_picture(samples.find(read) or read, what="style", long_edge=long_edge)
    if name is None and read.path is None:
        raise OptionError("A picture in memory has no name; give one with name=.")
    called = check_name(cleaned(read.path.stem) if name is None and read.path is not None else name)
    style: Any = dataclasses.replace(encoder.encode_style(read, mask), name=called)
    info = CodeInfo(
        name=called,
        method=encoder.method,
        extractor=style.extractor,
        extractor_sha256=style.extractor_sha256,
        source=source or (None if read.path is None else read.path.name),
        source_sha256=None if read.path is None else store.sha256_of(read.path),
        licence=licence,
        size=f"{read.rgb.shape[3]}x{read.rgb.shape[2]}",
    )
    return StyleCode(info=info, style=style)


def save_codes(
    path: str | os.PathLike[str],
    codes: Iterable[StyleCode],
    *,
    protected: Sequence[str | os.PathLike[str]] = (),
) -> Path:
    """Write codes into a file, in place of what was there.

    Raises:
        OptionError: None at all, or two of one name.
        OutputError: A file that cannot be written.
    """
    listed = _checked(codes)
    if not is_code_file(path):
        raise OptionError(
            f"A file of styles ends with {SUFFIX}, by which it is known as one; got {os.fsdecode(path)!r}."
        )
    read = {code.style.path for code in listed} - {None, Path(os.fsdecode(path)).absolute()}
    own = [file for file in read if file is not None]
    return write_code_file(
        path, [(code.info, code.style.tensors()) for code in listed], protected=[*protected, *own]
    )


def _checked(codes: Any) -> list[StyleCode]:
    listed = list(codes) if isinstance(codes, Iterable) else [codes]
    for code in listed:
        if not isinstance(code, StyleCode):
            raise OptionError(f"Codes are a list of what codes.encode returns, got a {type(code).__name__}.")
    return listed


def load_codes(path: str | os.PathLike[str], name: str | None = None) -> dict[str, StyleCode]:
    """Read a file of codes, by name.

    Args:
        path: The file.
        name: Read this one only.

    Raises:
        WeightsError: No such file, one of another kind, a damaged one, no code of that name.
    """
    codes = {}
    for info, tensors in read_code_file(path, name):
        declared = METHODS.get(info.method)
        if declared is None or declared.encoded is None:
            raise WeightsError(
                f"{path}: the style {info.name!r} was encoded by {info.method!r}, which this version "
                "does not have."
            )
        kind: type[EncodedStyle] = declared.encoded()
        style: Any = kind.from_tensors(tensors, info, f"{path}, {info.name!r}")
        style = dataclasses.replace(style, path=Path(os.fsdecode(path)).absolute())
        codes[info.name] = StyleCode(info=info, style=style)
    return codes


def library() -> Path:
    """Return the file of codes that are known by name: ``$STYLETRANSFER_STYLES``, or beside fetched weights."""
    chosen = os.environ.get("STYLETRANSFER_STYLES")
    try:
        return Path(chosen).expanduser() if chosen else store.cache_dir() / f"styles{SUFFIX}"
    except RuntimeError:
        raise WeightsError(
            f"STYLETRANSFER_STYLES is {chosen!r}, but there is no such user. Set it to a file's full path."
        ) from None


def list_codes(path: str | os.PathLike[str] | None = None) -> list[CodeInfo]:
    """Return what is known of the codes in a file, by default the library, which may be absent.

    Raises:
        WeightsError: A file that cannot be read.
    """
    file = library() if path is None else Path(path)
    return [] if path is None and not _is_there(file) else read_code_infos(file)


def add_codes(
    codes: Sequence[StyleCode], path: str | os.PathLike[str] | None = None, *, replace: bool = False
) -> Path:
    """Add codes to a file, by default the library, which is made if it is absent.

    Args:
        codes: With names of their own.
        path: The file.
        replace: Whether codes of the same name are replaced.

    Raises:
        OptionError: A name that is taken.
        WeightsError: A file that is there and cannot be read.
        OutputError: A file that cannot be written.
    """
    file = library() if path is None else Path(path)
    names = [code.info.name for code in _checked(codes)]
    for number, name in enumerate(names):
        if name in samples.list_styles():
            raise OptionError(f"{name!r} is the name of a drawn style; give another one.")
        if name in names[:number]:
            raise OptionError(f"Two styles are called {name!r}; give each a name of its own.")
    if path is None:
        with contextlib.suppress(OSError):  # whatever is wrong with it is said when the file is written
            file.parent.mkdir(parents=True, exist_ok=True)
    with _alone(file):
        there = load_codes(file) if _is_there(file) else {}
        taken = next((name for name in names if name in there and not replace), None)
        if taken is not None:
            raise OptionError(
                f"{file} has a style {taken!r} already; give another name, or replace it (--replace)."
            )
        kept = {**there, **{code.info.name: code for code in codes}}
        return save_codes(file, kept.values())


def remove_codes(names: Sequence[str], path: str | os.PathLike[str] | None = None) -> Path:
    """Take codes out of a file, by default the library; a file that held nothing else is removed.

    Raises:
        OptionError: A name that is not in it.
        WeightsError: A file that cannot be read.
    """
    file = library() if path is None else Path(path)
    with _alone(file):
        there = load_codes(file) if path is not None or _is_there(file) else {}
        for name in names:
            if name not in there:
                drawn = " Drawn styles are part of the package." if name in samples.list_styles() else ""
                raise OptionError(f"{file} has no style {name!r}.{drawn}{did_you_mean(name, list(there))}")
        left = [code for name, code in there.items() if name not in names]
        if left:
            return save_codes(file, left)
        file.unlink()
        return file


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Keep other processes from changing a file while it is read, changed and written."""
    with alone(file.parent) if file.parent.is_dir() else contextlib.nullcontext():
        yield


def _is_there(path: str | Path) -> bool:
    """Whether there is a file of that name; one that no file can have is not."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


def look_up(name: str, path: str | os.PathLike[str] | None = None) -> StyleCode:
    """Return the code of a name from a file, by default the library.

    Raises:
        OptionError: There is none of that name.
        WeightsError: A file that cannot be read.
    """
    names = [info.name for info in list_codes(path)]
    if name not in names:
        file = library() if path is None else path
        raise OptionError(f"{file} has no style {name!r}.{did_you_mean(name, names)}")
    return load_codes(library() if path is None else path, name)[name]


def find(style: object) -> Path | EncodedStyle | None:
    """Return what a style's name stands for, or None if it is no name.

    Args:
        style: The name of a drawn style or of one in the library, unless a file is called so; or a file of
            codes, which holds one or is followed by ``#`` and the name of one.

    Raises:
        WeightsError: A file of codes that cannot be read, or that holds several.

    Example:
        >>> find("mosaic").name, find("photo.jpg")
        ('mosaic.webp', None)
    """
    if not isinstance(style, (str, os.PathLike)):
        return None
    text = os.fsdecode(style)
    drawn = samples.find(text)
    if drawn is not None:
        return drawn
    file, name = split_name(text)
    if is_code_file(file):
        codes = load_codes(file, name or None)
        if len(codes) > 1:
            first = f"{file}{_SEPARATOR}{next(iter(codes))}"
            raise WeightsError(f"{file} holds {len(codes)} styles: {', '.join(codes)}. Choose one: {first}")
        return next(iter(codes.values())).style
    if _could_be_a_name(text) and not _is_there(text) and _is_there(library()):
        codes = load_codes(library(), text) if text in [info.name for info in list_codes()] else {}
        return next((code.style for code in codes.values()), None)
    return None


def split_name(style: str) -> tuple[str, str]:
    """Return the file and the name of ``FILE#NAME``; the text itself and no name if it is none.

    Example:
        >>> split_name("own.safetensors#wave"), split_name("a#b.jpg")
        (('own.safetensors', 'wave'), ('a#b.jpg', ''))
    """
    file, mark, name = style.rpartition(_SEPARATOR)
    return (file, name) if mark and is_code_file(file) else (style, "")


def files_of(styles: Iterable[str]) -> list[str]:
    """Return the files that styles are read from, as far as their names tell: they must not be overwritten."""
    files = []
    for style in styles:
        file, _ = split_name(style)
        kept = _could_be_a_name(style) and not _is_there(style) and style not in samples.list_styles()
        files.append(str(library()) if kept else file)
    return files


def as_picture_source(style: Any, who: str) -> Any:
    """Return what a style's picture is read from, for those who have to see it.

    Raises:
        ImageError: An encoded style.
    """
    found = find(style)
    if isinstance(found, EncodedStyle) or isinstance(style, EncodedStyle):
        raise ImageError(
            f"{who} has to see the style's picture, got the encoded style {style!r}; give the picture."
        )
    return found or style


def check_known(style: str) -> None:
    """Refuse what reads like a style's name, is none, and is no file either.

    Raises:
        ImageError: It is so.
    """
    if not _could_be_a_name(style) or _is_there(style) or _is_folder(style):
        return
    names = [*samples.list_styles(), *(info.name for info in list_codes())]
    raise ImageError(
        f'The style "{style}" is no file, and no style of that name is known.{did_you_mean(style, names)} '
        f"Known are: {', '.join(names)}."
    )


def _is_folder(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def _could_be_a_name(text: str) -> bool:
    try:
        check_name(text)
    except OptionError:
        return False
    return True
