"""Checkpoints: everything that a resumed run needs to equal an unbroken one, written whole or not at all."""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from styletransfer.errors import OutputError, TrainingError
from styletransfer.files import write_atomically

FORMAT = "styletransfer-checkpoint-1"
_NAME = re.compile(r"step-(\d+)\.pt")
#: What torch raises for bytes that are no checkpoint, depending on where they go wrong.
_DAMAGE = (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError)


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The state of a run after a step.

    There is no random state in it: every random choice is a function of the seed and the step.

    Attributes:
        step: Steps done.
        kind: What is trained: ``"decoder"`` or ``"extractor"``.
        config: The settings, as plain values.
        module: State dict of what is trained.
        optimizer: State dict of the optimiser.
        extra: Whatever else the task carries from step to step.
        seconds: Time trained so far.
        recent: The last values of what is logged; warnings and model cards read their medians.
    """

    step: int
    kind: str
    config: Mapping[str, Any]
    module: Mapping[str, Any]
    optimizer: Mapping[str, Any]
    extra: Mapping[str, Any]
    seconds: float
    recent: Mapping[str, list[float]] = field(default_factory=dict)


def write(folder: Path, checkpoint: Checkpoint, keep: int) -> Path:
    """Write ``step-N.pt`` in one move, then remove all but the last `keep`.

    Raises:
        OutputError: It cannot be written; those before it are untouched.
    """
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **vars(checkpoint)}, buffer)
    target = folder / f"step-{checkpoint.step}.pt"
    try:
        write_atomically(target, lambda file: file.write(buffer.getbuffer()))
    except OutputError as error:
        raise OutputError(f"{error} {how_to_go_on(folder)}") from error
    for _, path in _found(folder)[:-keep]:
        path.unlink(missing_ok=True)
    return target


def latest(folder: Path) -> Path | None:
    """Return the newest checkpoint of a folder."""
    found = _found(folder)
    return found[-1][1] if found else None


def how_to_go_on(folder: Path) -> str:
    """Return what is left of a run that could not write, and what to do."""
    left = latest(folder)
    if left is None:
        return "There is no checkpoint yet: make room, then start again."
    return f"The last checkpoint, {left}, is intact: make room, then go on with --resume."


def _found(folder: Path) -> list[tuple[int, Path]]:
    matches = [(_NAME.fullmatch(path.name), path) for path in folder.glob("step-*.pt")]
    return sorted((int(match[1]), path) for match, path in matches if match)


def read(path: Path) -> Checkpoint:
    """Read a checkpoint; nothing in it is executed.

    Raises:
        TrainingError: Not there, cut short, or no checkpoint; names an older one, if there is one.
    """
    try:
        with path.open("rb") as file:
            stored = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise TrainingError(f"The checkpoint {path} cannot be read: {error.strerror}.") from error
    except _DAMAGE as error:
        raise TrainingError(f"The checkpoint {path} is cut short or damaged.{_other(path)}") from error
    if not isinstance(stored, dict) or stored.pop("format", None) != FORMAT:
        raise TrainingError(f"{path} is no checkpoint of this package.{_other(path)}")
    try:
        return Checkpoint(**stored)
    except TypeError as error:
        raise TrainingError(f"{path} is a checkpoint of another version.{_other(path)}") from error


def _other(path: Path) -> str:
    others = [other for _, other in _found(path.parent) if other != path]
    return f" Remove it and --resume goes on from {others[-1].name}." if others else " Start without --resume."


def compare(checkpoint: Checkpoint, kind: str, config: Mapping[str, Any]) -> None:
    """Refuse to go on with another task or other settings.

    Args:
        checkpoint: What was read.
        kind: What is to be trained now.
        config: The settings now.

    Raises:
        TrainingError: Lists everything that differs.
    """
    if checkpoint.kind != kind:
        raise TrainingError(
            f"The folder holds the run of another task: {checkpoint.kind}, not {kind}. Choose another folder."
        )
    names = sorted({*checkpoint.config, *config})
    differing = [
        f"{name} was {checkpoint.config.get(name)!r}, is {config.get(name)!r}"
        for name in names
        if _plain(checkpoint.config.get(name)) != _plain(config.get(name))
    ]
    if differing:
        raise TrainingError(
            f"The run cannot be resumed with other settings: {'; '.join(differing)}. Give the old ones, or start "
            "a new run in another folder (--start FILE begins with this run's export)."
        )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
