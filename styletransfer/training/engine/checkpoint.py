"""Checkpoints: everything that a resumed run needs to equal an unbroken one, written whole or not at all.

They are safetensors files: nothing in them can be executed, and no tensor can be larger than the file. What is not
a tensor is JSON in their metadata, and every value of it is checked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from styletransfer.errors import OutputError, TrainingError
from styletransfer.files import ordinary_file, write_atomically
from styletransfer.training.engine.config import MOST_STEPS

FORMAT = "styletransfer-checkpoint-2"
_NAME = re.compile(r"step-(\d{1,10})\.safetensors")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The state of a run after a step.

    There is no random state in it: every random choice is a function of the seed and the step.

    Attributes:
        step: Steps done.
        updates: Steps that changed the weights; the others had no finite gradient.
        kind: What is trained: ``"decoder"`` or ``"extractor"``.
        config: The settings, as plain values.
        tensors: ``module.NAME`` of what is trained, ``first.NAME`` and ``second.NAME``: Adam's moments.
        extra: Whatever else the task carries from step to step.
        seconds: Time trained so far.
        recent: The last values of what is logged; warnings and model cards read their medians.
    """

    step: int
    updates: int
    kind: str
    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    extra: Mapping[str, Any]
    seconds: float
    recent: Mapping[str, list[float]] = field(default_factory=dict)

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors ``prefix.NAME`` by NAME."""
        return {k.removeprefix(f"{prefix}."): x for k, x in self.tensors.items() if k.startswith(f"{prefix}.")}


def write(folder: Path, checkpoint: Checkpoint, limit: int) -> Path:
    """Write ``step-N.safetensors`` in one move, then remove all but the last `limit`.

    Raises:
        OutputError: It cannot be written; those before it are untouched.
    """
    told = {name: value for name, value in vars(checkpoint).items() if name != "tensors"}
    tensors = {name: x.detach().cpu().contiguous() for name, x in checkpoint.tensors.items()}
    stored = save(tensors, metadata={"format": FORMAT, "state": json.dumps(told)})
    target = folder / f"step-{checkpoint.step}.safetensors"
    try:
        write_atomically(target, lambda file: file.write(stored))
    except OutputError as error:
        raise OutputError(f"{error} {how_to_go_on(folder)}") from error
    for _, path in _found(folder)[:-limit]:
        path.unlink(missing_ok=True)
    return target


def latest(folder: Path) -> Path | None:
    """Return the newest checkpoint of a folder."""
    found = _found(folder)
    return found[-1][1] if found else None


def newest(folder: Path) -> Path:
    """Return the checkpoint to resume from.

    Raises:
        TrainingError: There is none, or only those of an earlier version.
    """
    path = latest(folder)
    if path is not None:
        return path
    old = next(iter(sorted(folder.glob("step-*.pt"))), None)
    if old is not None:
        raise TrainingError(
            f"The checkpoints in {folder} ({old.name}, ...) were written by an earlier version in another format "
            "and cannot be resumed. Start a new run in another folder; --start FILE begins with this run's export."
        )
    raise TrainingError(f"There is no checkpoint in {folder} to resume from; start without --resume.")


def how_to_go_on(folder: Path) -> str:
    """Return what is left of a run that could not write, and what to do."""
    left = latest(folder)
    if left is None:
        return "There is no checkpoint yet: make room, then start again."
    return f"The last checkpoint, {left}, is intact: make room, then continue with --resume."


def _found(folder: Path) -> list[tuple[int, Path]]:
    matches = [(_NAME.fullmatch(path.name), path) for path in folder.glob("step-*.safetensors")]
    return sorted((int(match[1]), path) for match, path in matches if match)


def read(path: Path) -> Checkpoint:
    """Read a checkpoint; nothing in it is executed.

    Raises:
        TrainingError: Not there, damaged, or no checkpoint; names the fault, and an older one, if there is one.
    """
    ordinary_file(path, "checkpoint", TrainingError)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise TrainingError(f"The checkpoint {path} cannot be read: {error.strerror or error}.") from error
    except (SafetensorError, ValueError, RuntimeError, TypeError) as error:
        raise TrainingError(f"The checkpoint {path} is cut short or damaged.{_other(path)}") from error
    if metadata.get("format") != FORMAT:
        raise TrainingError(f"{path} is no checkpoint of this package and version.{_other(path)}")
    try:
        told = json.loads(metadata.get("state", ""))
    except (ValueError, RecursionError) as error:
        raise damaged(path, "its state is no JSON") from error
    fault = _fault(told)
    if fault is None and path.name != f"step-{told['step']}.safetensors":
        fault = f"it holds step {told['step']}"
    if fault is not None:
        raise damaged(path, fault)
    return Checkpoint(**told, tensors=tensors)


def damaged(path: Path, fault: str) -> TrainingError:
    """Return the error for a checkpoint with a fault."""
    return TrainingError(f"The checkpoint {path} is damaged: {fault}.{_other(path)}")


def _fault(told: Any) -> str | None:
    """Return what is wrong with the values of a checkpoint that are no tensors."""
    if not isinstance(told, dict) or told.keys() != _KINDS.keys():
        return f"its state must hold {', '.join(_KINDS)}"
    wrong = next((name for name, is_kind in _KINDS.items() if not is_kind(told[name])), None)
    if wrong is not None:
        return f"{wrong} has a value that no run writes ({str(told[wrong])[:40]!r})"
    return "more updates than steps" if told["updates"] > told["step"] else None


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_STEPS


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300


def _table(value: Any) -> bool:
    return isinstance(value, dict)


#: Whether a value of the state is of the kind that a run writes.
_KINDS: Mapping[str, Callable[[Any], bool]] = {
    "step": _whole,
    "updates": _whole,
    "kind": lambda value: isinstance(value, str),
    "config": _table,
    "extra": _table,
    "seconds": lambda value: _finite(value) and value >= 0,
    "recent": lambda value: (
        _table(value) and all(isinstance(series, list) and all(map(_finite, series)) for series in value.values())
    ),
}


def check_tensors(checkpoint: Checkpoint, expected: Mapping[str, Tensor]) -> str | None:
    """Return how a checkpoint's tensors differ from those of the run now, or None if all fit."""
    for name in sorted({*checkpoint.tensors, *expected}):
        got, wanted = checkpoint.tensors.get(name), expected.get(name)
        if got is None or wanted is None:
            return f"{name} is {'missing' if got is None else 'not known'}"
        if got.shape != wanted.shape or got.dtype != wanted.dtype:
            return (
                f"{name} is {tuple(got.shape)} {got.dtype}, wanted {tuple(wanted.shape)} {wanted.dtype}"
            ).replace("torch.", "")
        if not torch.isfinite(got).all():
            return f"{name} holds NaN or infinite numbers"
        if name.startswith("second.") and (got < 0).any():
            return f"{name} holds negative numbers"
    return None


def _other(path: Path) -> str:
    others = [other for _, other in _found(path.parent) if other != path]
    return f" Remove it and --resume continues from {others[-1].name}." if others else " Start without --resume."


def compare(checkpoint: Checkpoint, kind: str, config: Mapping[str, Any]) -> None:
    """Refuse to continue with another task or other settings.

    Raises:
        TrainingError: Lists everything that differs.
    """
    if checkpoint.kind != kind:
        raise TrainingError(
            f"The folder holds the run of another task: {checkpoint.kind}, not {kind}. Choose another folder."
        )
    now = json.loads(json.dumps(config))  # tuples are lists there
    differing = [
        f"{name} was {checkpoint.config.get(name)!r}, is {now.get(name)!r}"
        for name in sorted({*checkpoint.config, *now})
        if checkpoint.config.get(name) != now.get(name)
    ]
    if differing:
        raise TrainingError(
            f"The run cannot be resumed with other settings: {'; '.join(differing)}. Give the old ones, or start "
            "a new run in another folder (--start FILE begins with this run's export)."
        )
