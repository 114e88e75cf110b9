"""The log of a run: JSON lines, warnings, sample grids, TensorBoard where it is installed."""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import statistics
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from styletransfer.errors import OutputError
from styletransfer.images import save_image
from styletransfer.training.engine.checkpoint import how_to_go_on
from styletransfer.training.engine.task import Band

#: Values are reported as medians of so many last steps: neither a wild step nor a run's beginning sways them.
_WINDOW = 50
#: Steps before which a value outside its band is no reason to worry.
_PATIENCE = 200


class Journal:
    """Writes ``log.jsonl``, ``samples/`` and, where TensorBoard is installed, its events, below a folder.

    Every line has ``"event"``: ``start``, ``step``, ``warning``, ``problem``, ``sample``, ``checkpoint``, ``end``.
    """

    def __init__(
        self,
        folder: Path,
        bands: Mapping[str, Band],
        *,
        on_warning: Callable[[str], None] | None = None,
        silent: bool = False,
    ) -> None:
        self.folder = folder
        self.bands = bands
        self.recent: dict[str, deque[float]] = {}
        self._on_warning = on_warning
        self._silent = silent
        self._warned: set[str] = set()
        self._board = None if silent else _tensorboard(folder)

    def follow(self, values: Mapping[str, float]) -> None:
        """Take note of a step's values; those that are not finite are passed over."""
        for name, value in values.items():
            if math.isfinite(value):
                self.recent.setdefault(name, deque(maxlen=_WINDOW)).append(value)

    @property
    def typical(self) -> dict[str, float]:
        """The median of each value's last steps."""
        return {name: statistics.median(values) for name, values in self.recent.items()}

    def recall(self, recent: Mapping[str, Sequence[float]]) -> None:
        """Take back what `recent` held when a checkpoint was written."""
        self.recent = {name: deque(values, maxlen=_WINDOW) for name, values in recent.items()}

    def step(self, step: int, record: Mapping[str, Any], values: Mapping[str, float]) -> None:
        """Write a step's line and check what is typical now against the bands."""
        # JSON has no NaN.
        rounded = {k: float(f"{value:.5g}") if math.isfinite(value) else None for k, value in values.items()}
        self.note("step", step=step, **record, **rounded)
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)
        typical = self.typical if step >= _PATIENCE else {}
        for name, band in self.bands.items():
            if typical.get(name, 0.0) > band.high:
                self.warn(
                    f"{name} is {typical[name]:.3g}; in a healthy run it is below {band.high:g}. {band.cure}", name
                )

    def warn(self, text: str, key: str | None = None) -> None:
        """Write a warning, and tell it; one of each key."""
        if (key or text) not in self._warned:
            self._warned.add(key or text)
            self.note("warning", text=text)
            if self._on_warning is not None and not self._silent:
                self._on_warning(text)

    def note(self, event: str, **fields: Any) -> None:
        """Append a line to the log; flushed, so that a killed run has lost none.

        Raises:
            OutputError: It cannot be written; says how to continue.
        """
        if self._silent:
            return
        path = self.folder / "log.jsonl"
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"event": event, **fields}) + "\n")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise OutputError(f"Cannot write the log {path}: {reason}. {how_to_go_on(self.folder)}") from error

    def sample(self, step: int, grid: Tensor) -> Path:
        """Write a grid of samples, (3, H, W) in [0, 1].

        Raises:
            OutputError: It cannot be written; says how to continue.
        """
        path = self.folder / "samples" / f"step-{step:07d}.png"
        try:
            path.parent.mkdir(exist_ok=True)
            save_image(grid[None], path)
        except OSError as error:  # an OutputError is one
            raise OutputError(f"{str(error).rstrip('.')}. {how_to_go_on(self.folder)}") from error
        self.note("sample", step=step, path=path.relative_to(self.folder).as_posix())
        if self._board is not None:
            self._board.add_image("samples", grid, step)
        return path

    def close(self) -> None:
        """Close what is open."""
        if self._board is not None:
            self._board.close()


def _tensorboard(folder: Path) -> Any:
    if importlib.util.find_spec("tensorboard") is None:
        return None
    return importlib.import_module("torch.utils.tensorboard").SummaryWriter(str(folder / "tensorboard"))
