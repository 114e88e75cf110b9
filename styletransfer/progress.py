"""The progress bar of runs: text in a terminal, a widget in a notebook, a line now and then in a file or pipe."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

from styletransfer.method import Plan
from styletransfer.weights import store

if TYPE_CHECKING:
    from pathlib import Path

    from styletransfer.images import Picture
    from styletransfer.stylizer import OnStep, Step, Stylizer

#: Seconds before a bar shows: what is done sooner needs none.
_DELAY = 1.0
#: Seconds that a run may take without being announced.
_LONG = 20.0
#: Steps over which the estimate is taken; the first one, which sets things up, is not among them.
_TIMED = 2
#: Pixels from which a run is announced before it starts: its first steps may take minutes.
_LARGE = 3_000_000
#: Seconds between lines where there is no terminal.
_EVERY = 30.0


class CountBar:
    """Follows something that is counted: a bar in a terminal, a line now and then in a file or pipe.

    Args:
        name: Shown before the bar.
        total: How many there will be, if it is known.
        done: How many were done before, which say nothing of the time left.
        unit: What is counted, with its number; without it a share is shown.
        left: Show the time left that the mean speed gives.
        quiet: Show nothing.
    """

    def __init__(
        self,
        name: str,
        total: int | None = None,
        *,
        done: int = 0,
        unit: str = "",
        left: bool = True,
        quiet: bool = False,
    ) -> None:
        self.name = name
        self.quiet = quiet
        self._printed = time.monotonic()
        ahead = ", {remaining} left" if left else ""
        self.bar: Any = _tqdm()(
            total=total,
            initial=done,
            desc=name,
            unit=unit,
            unit_scale=True,
            delay=_DELAY,
            leave=False,
            dynamic_ncols=True,
            disable=quiet or not _drawable(),
            bar_format=None if unit else "{desc} {percentage:3.0f}%|{bar}| {elapsed}" + ahead + "{postfix}",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the bar."""
        self.bar.clear()  # `close` would leave one that a line above it drew before its delay was over
        self.bar.close()

    @property
    def drawn(self) -> bool:
        """Whether there is a bar, which shows speed and time left by itself."""
        return not self.bar.disable

    def update(self, done: int, total: int | None = None, note: str = "") -> None:
        """Show that `done` of `total` are done; `note` says more."""
        if not self.bar.disable:
            self.bar.total = total or self.bar.total
            self.bar.set_postfix_str(note, refresh=False)
            self.bar.update(done - self.bar.n)
        elif not self.quiet and time.monotonic() - self._printed >= _EVERY:
            self._printed = time.monotonic()
            say(f"{self.name}: {note or f'{done} of {total or self.bar.total}'}")


class ProgressBar:
    """Follows the steps of one run; usable as `on_step`.

    A step at half the size takes a quarter of the time, so the bar counts work (steps times pixels).

    Args:
        name: Shown before the bar.
        plan: What the run will do.
        announce: Say beforehand how long a long run will take, and what would be quicker.
    """

    def __init__(self, name: str, plan: Plan, *, announce: bool = True) -> None:
        self.name = name
        self.plan = plan
        self.announce = announce
        self.seconds: list[float] = []
        self.work: list[int] = []
        self.bar = CountBar(name, plan.work, left=False)

    def close(self) -> None:
        """Remove the bar."""
        self.bar.close()

    def __call__(self, step: Step) -> None:
        """Show a step."""
        self.seconds.append(step.seconds)
        self.work.append(self.plan.work_after((step.step - 1) % self.plan.steps + 1))
        left = self.seconds_left()
        notes = [] if left is None else [f"{duration(left)} left"]
        notes += [f"step {step.step}/{step.steps}", f"{step.size[1]}x{step.size[0]}"]
        notes += [f"loss {step.total:.4g}"] if "total" in step.losses else []
        if self.announce and len(self.seconds) == 1 + _TIMED:
            self._announce()
        self.bar.update(self.work[-1], note=", ".join(notes))

    def seconds_left(self) -> float | None:
        """Return the estimate of the time left, or None before steps were timed."""
        if len(self.seconds) <= _TIMED or self.work[-1] <= self.work[0]:
            return None
        rate = (self.seconds[-1] - self.seconds[0]) / (self.work[-1] - self.work[0])
        return max(0.0, rate * (self.plan.work - self.work[-1]))

    def _announce(self) -> None:
        left = self.seconds_left() or 0.0
        _announce(left + self.seconds[-1], self.plan.stages[-1].size)


def _announce(seconds: float, size: tuple[int, int], name: str = "This") -> None:
    """Say how long a run takes, unless it is soon over, and what would be quicker."""
    if seconds <= _LONG:
        return
    height, width = size
    smaller = max(height, width) // 2
    tip = f"; --long-edge {smaller} would take about {duration(seconds / 4)}" if smaller >= 64 else ""
    say(f"{name} takes about {duration(seconds)} at {width}x{height}{tip}.")


class Bars:
    """One bar after the other, for several methods.

    Args:
        plans: What each run will do.
        announce: Whether to say how long a long run will take once its first steps are timed.
    """

    def __init__(self, plans: Mapping[str, Plan], *, announce: bool = True) -> None:
        self._plans = plans
        self._announce = announce
        self._bar: ProgressBar | None = None

    def of(self, method: str) -> OnStep:
        """Return the callback for a method's steps."""
        return lambda step: self(method, step)

    def __call__(self, method: str, step: Step) -> None:
        """Show a method's step."""
        if self._bar is None or self._bar.name != method:
            self.close()
            self._bar = ProgressBar(method, self._plans[method], announce=self._announce)
        self._bar(step)

    def close(self) -> None:
        """Remove the bar that is shown."""
        if self._bar is not None:
            self._bar.close()


@contextlib.contextmanager
def shown(stylizers: Mapping[str, Stylizer], content: Picture, *, enabled: bool = True) -> Iterator[Bars | None]:
    """Give the bars of a run's methods, or None if they are not wanted."""
    if not enabled:
        yield None
        return
    size = content.rgb.shape[2], content.rgb.shape[3]
    large = size[0] * size[1] >= _LARGE
    if large:
        for name, stylizer in stylizers.items():
            _announce(stylizer.estimate(size), size, name)
    bars = Bars({name: stylizer.plan(size) for name, stylizer in stylizers.items()}, announce=not large)
    try:
        yield bars
    finally:
        bars.close()


def fetch_visibly(name: str, *, force: bool = False, quiet: bool = False) -> Path:
    """Fetch a weight set under a bar of its bytes and return its file."""
    with CountBar(name, unit="B", quiet=quiet) as bar:
        return store.fetch(name, force=force, progress=bar.update)


def duration(seconds: float) -> str:
    """Return ``"0.2 s"``, ``"45 s"``, ``"3 min"`` or ``"2.5 h"``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def say(text: str) -> None:
    """Write a line to standard error, above a bar if there is one."""
    _tqdm().write(text, file=sys.stderr)


def in_notebook() -> bool:
    """Whether this runs in a notebook that can show widgets."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    kernel = type(shell).__name__ == "ZMQInteractiveShell"
    return kernel and importlib.util.find_spec("ipywidgets") is not None


def _drawable() -> bool:
    return in_notebook() or bool(getattr(sys.stderr, "isatty", lambda: False)())


def _tqdm() -> Any:
    if in_notebook():
        from tqdm.notebook import tqdm as widget

        return widget
    from tqdm import tqdm as text

    return text
