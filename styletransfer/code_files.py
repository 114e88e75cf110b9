"""Files of encoded styles: one or several, each with its name, where it comes from and what it was encoded with.

Such a file is safetensors; what is said of the styles stands in its metadata. Which class the numbers belong to is
the method's business (`codes`).
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from styletransfer._checks import did_you_mean
from styletransfer.errors import OptionError, WeightsError
from styletransfer.files import check_place, write_atomically
from styletransfer.weights.checksum import checksum
from styletransfer.weights.tensor_files import MOST_BYTES, MOST_DESCRIBED, open_tensors

#: What the files are recognised by.
SUFFIX = ".safetensors"
_FORMAT = "styletransfer-styles-1"
_LONGEST_NAME, _LONGEST_TEXT = 100, 2000


@dataclass(frozen=True, kw_only=True)
class CodeInfo:
    """What is known of an encoded style.

    Attributes:
        name: What it is called by.
        method: Name of the method that encoded it.
        extractor: Name of the weight set that it was encoded with.
        extractor_sha256: Of that weight set's numbers, or None if nobody knows.
        source: Where the picture comes from: its file's name, or what its owner wrote.
        source_sha256: Of the picture's file, or None.
        licence: Terms of use of the picture, or None if nobody said.
        size: The picture's width and height when it was encoded, ``"512x406"``: strokes follow it.
    """

    name: str
    method: str
    extractor: str
    extractor_sha256: str | None = None
    source: str | None = None
    source_sha256: str | None = None
    licence: str | None = None
    size: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        for field in ("source", "licence"):
            value = getattr(self, field)
            if value is not None and not (
                isinstance(value, str) and len(value) <= _LONGEST_TEXT and value.isprintable()
            ):
                raise OptionError(f"{field} of a style is one line of at most {_LONGEST_TEXT} characters.")


#: What is known of a style, and its numbers.
Entry = tuple[CodeInfo, Mapping[str, Tensor]]


def check_name(name: object) -> str:
    """Return a style's name if it can be one.

    Raises:
        OptionError: It is empty or too long, or could be mistaken for a path.
    """
    allowed = isinstance(name, str) and 0 < len(os.fsencode(name)) <= _LONGEST_NAME and name == name.strip()
    if not allowed or not all(c.isalnum() or c in "-_ " for c in str(name)):
        raise OptionError(
            f"A style's name has letters, digits, spaces, - and _, at most {_LONGEST_NAME} bytes, got {name!r}."
        )
    return str(name)


def cleaned(stem: str) -> str:
    """Return a file's name as a style's, with a dash for what that cannot have."""
    kept = "".join(c if c.isalnum() or c in "-_ " else "-" for c in stem).strip()
    return os.fsencode(kept)[:_LONGEST_NAME].decode("utf-8", "ignore").strip() or "style"


def is_code_file(path: str | os.PathLike[str]) -> bool:
    """Whether a name is that of a file of encoded styles."""
    return os.fsdecode(path).lower().endswith(SUFFIX)


def write_code_file(
    path: str | os.PathLike[str], entries: Sequence[Entry], *, protected: Iterable[str | os.PathLike[str]] = ()
) -> Path:
    """Write a file of encoded styles, whole or not at all.

    Raises:
        OptionError: No style, or two of one name.
        OutputError: A file that cannot be written.
    """
    names = [info.name for info, _ in entries]
    if not names:
        raise OptionError("A file of styles holds at least one.")
    for name in names:
        if names.count(name) > 1:
            raise OptionError(f"Two styles are called {name!r}; give each a name of its own.")
    place = check_place(path, protected=protected)
    tensors: dict[str, Tensor] = {}
    told = []
    for number, (info, own) in enumerate(entries):
        stored = {key: value.detach().cpu().contiguous().clone() for key, value in own.items()}
        told.append({**dataclasses.asdict(info), "sha256": checksum(stored)})
        tensors |= {f"{number}/{key}": value for key, value in stored.items()}
    data = save(tensors, metadata={"format": _FORMAT, "styles": json.dumps(told, ensure_ascii=False)})
    if int.from_bytes(data[:8], "little") > MOST_DESCRIBED or len(data) > MOST_BYTES:
        raise OptionError(
            f"{len(names)} styles are more than a file holds; shorten sources and licences, or use another file."
        )
    return write_atomically(place, lambda file: file.write(data))


def read_code_infos(path: str | os.PathLike[str]) -> list[CodeInfo]:
    """Return what a file says of its styles; their numbers are not read.

    Raises:
        WeightsError: No such file, or one of another kind.
    """
    return [_info(told, path) for told in _told(open_tensors(path).metadata, path)]


def read_code_file(path: str | os.PathLike[str], name: str | None = None) -> list[Entry]:
    """Read a file of encoded styles.

    Args:
        path: The file.
        name: Read this one only.

    Raises:
        WeightsError: No such file, one of another kind, no style of that name, or numbers that are not those that
            were written.
    """
    file = open_tensors(path)
    told = _told(file.metadata, path)
    names = [str(each.get("name")) for each in told]
    if name is not None and name not in names:
        raise WeightsError(
            f"{path} has no style {name!r}.{did_you_mean(name, names)} It holds: {', '.join(names)}."
        )
    entries: list[Entry] = []
    for number, each in enumerate(told):
        info = _info(each, path)
        if name not in (None, info.name):
            continue
        start = f"{number}/"
        tensors = file.load([key for key in file.shapes if key.startswith(start)])
        tensors = {key.removeprefix(start): value for key, value in tensors.items()}
        if checksum(tensors) != each.get("sha256"):
            raise WeightsError(f"{path}: the style {info.name!r} is not as it was written. Encode it again.")
        entries.append((info, tensors))
    return entries


def _told(metadata: Mapping[str, str], path: object) -> list[Mapping[str, Any]]:
    if metadata.get("format") != _FORMAT:
        raise WeightsError(
            f'{path} is no file of encoded styles; "styletransfer styles add" and codes.save_codes write them.'
        )
    try:
        told = json.loads(metadata["styles"])
    except (KeyError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: what it says of its styles cannot be read; the file is damaged.") from error
    if not isinstance(told, list) or not told or not all(isinstance(each, dict) for each in told):
        raise WeightsError(f"{path}: what it says of its styles cannot be read; the file is damaged.")
    return told


def _info(told: Mapping[str, Any], path: object) -> CodeInfo:
    known: dict[str, Any] = {field.name: told.get(field.name) for field in dataclasses.fields(CodeInfo)}
    wanted = all(isinstance(known[key], str) for key in ("name", "method", "extractor"))
    if not wanted or not all(value is None or isinstance(value, str) for value in known.values()):
        raise WeightsError(f"{path}: what it says of its styles cannot be read; the file is damaged.")
    try:
        return CodeInfo(**known)
    except OptionError as error:
        raise WeightsError(f"{path}: {error}") from error
