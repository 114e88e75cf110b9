"""Reading tensors from files that others made: safetensors, and PyTorch's own format in all its ages.

This is the package's only reader of weights. Nothing in a file is ever executed.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from styletransfer.errors import WeightsError

_PYTORCH_STARTS = (b"PK\x03\x04", b"\x80")  # zip archive since PyTorch 1.6; pickle before


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read all tensors of a file as float32 on the CPU.

    The format is told from the content, not from the suffix.

    Args:
        path: A safetensors file, or a state dict written by `torch.save` (a zip archive, or a plain pickle
            from before PyTorch 1.6), bare or under the key ``"state_dict"``.

    Returns:
        The tensors by name, and the metadata of a safetensors file (empty for the other formats).

    Raises:
        WeightsError: No such file, not a weight file, truncated, or holding more than tensors.
    """
    start = _start_of(path)
    if start[8:9] == b"{":  # eight bytes of length, then a JSON header
        tensors, metadata = _read_safetensors(path)
    elif start.startswith(_PYTORCH_STARTS):
        tensors, metadata = _read_pytorch(path), {}
    else:
        raise WeightsError(
            f"{path} is not a weight file: {_guess(start)}. Wanted: safetensors, or a PyTorch file."
        )
    if not tensors:
        raise WeightsError(f"{path} holds no tensors.")
    return {name: x.float() for name, x in tensors.items()}, metadata


def _start_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(512)
    except FileNotFoundError:
        raise WeightsError(f"There is no weight file {path}. Check the path.") from None
    except IsADirectoryError:
        raise WeightsError(f"The weight file {path} cannot be read: it is a folder. Give a file in it.") from None
    except OSError as error:
        raise WeightsError(f"The weight file {path} cannot be read: {error.strerror}.") from error


def is_web_page(start: bytes) -> bool:
    """Whether a file that begins with `start` is an HTML page."""
    return start.lstrip()[:9].lower().startswith((b"<!doctype", b"<html", b"<head", b"<?xml"))


def _guess(start: bytes) -> str:
    if not start:
        return "it is empty"
    if is_web_page(start):
        return "it is an HTML page, as a server sends in place of a file that moved or needs a login"
    if start.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer; run `git lfs pull` where it came from"
    return f"it begins with {start[:8]!r}"


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path} is truncated or damaged: {error}. Get the file again.") from error


def _read_pytorch(path: Path) -> dict[str, Tensor]:
    try:
        with path.open("rb") as file:  # given a path, newer PyTorch goes by the suffix
            stored = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} is damaged, or holds Python objects besides tensors, which are not loaded because they "
            "could run any program. Save its state dict alone: torch.save(model.state_dict(), path)."
        ) from error
    except Exception as error:  # damaged pickles and archives raise almost anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"{path} is truncated or damaged: {reason}. Get the file again.") from error
    return _as_state_dict(stored, path)


def _as_state_dict(stored: Any, path: Path) -> dict[str, Tensor]:
    """Undo the wrappings in which state dicts travel."""
    if isinstance(stored, Mapping) and isinstance(stored.get("state_dict"), Mapping):
        stored = stored["state_dict"]
    if not isinstance(stored, Mapping) or not all(
        isinstance(name, str) and isinstance(x, Tensor) for name, x in stored.items()
    ):
        raise WeightsError(
            f"{path} holds no state dict (tensors by name) but a {type(stored).__name__} of other things."
        )
    # nn.DataParallel puts "module." before every name.
    return {name.removeprefix("module."): x.detach() for name, x in stored.items()}
