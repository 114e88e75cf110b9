"""Bars with time left, on stderr, and the estimate before a long run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from tqdm import tqdm

from styletransfer.features import own_file
from styletransfer.methods.feedforward.decoder_files import default_decoder
from styletransfer.stylizer import Step
from styletransfer.weights import catalogue

#: Seconds before a bar shows: what is done sooner needs none.
_DELAY = 1.0
#: Seconds that a run may take without being announced.
_LONG = 20.0
#: Steps over which the estimate is taken; the first one, which sets things up, is not among them.
_TIMED = 2


class StepBar:
    """A progress bar for a run of steps, usable as `on_step`.

    A step at half the size takes a quarter of the time, so the bar counts work (steps times pixels).

    Args:
        method: Name shown before the bar.
        config: The method's config; its `schedule` of (scale, steps), if any, tells the work ahead.
        quiet: Show nothing.
    """

    def __init__(self, method: str, config: Any, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.schedule: tuple[tuple[float, int], ...] = getattr(config, "schedule", ((1.0, 1),))
        self.seconds: list[float] = []
        self.scale = 0.0
        self.bar = tqdm(
            total=self._work(),
            desc=method,
            delay=_DELAY,
            disable=quiet,
            leave=False,
            dynamic_ncols=True,
            bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}, {remaining} left{postfix}",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()

    def __call__(self, step: Step) -> None:
        """Take note of a step."""
        if not self.seconds:
            self._drop_sizes_left_out(step.steps)
        self.seconds.append(step.seconds)
        self.scale = self._scale_at(step)
        if len(self.seconds) == 1 + _TIMED:
            self._announce(step)
        shown = f"step {step.step}/{step.steps}, {step.size[1]}x{step.size[0]}"
        if "total" in step.losses:
            shown += f", loss {step.total:.4g}"
        self.bar.set_postfix_str(shown, refresh=False)
        self.bar.update(self.scale**2)

    def _work(self) -> float:
        return sum(scale**2 * steps for scale, steps in self.schedule)

    def _drop_sizes_left_out(self, steps: int) -> None:
        """Follow a run that leaves out the sizes at which its picture would be too small."""
        while len(self.schedule) > 1 and sum(n for _, n in self.schedule) > steps:
            self.schedule = self.schedule[1:]
        self.bar.total = self._work()

    def _scale_at(self, step: Step) -> float:
        """Return the share of the full size at which `step` was taken."""
        ahead = step.steps - step.step
        for scale, steps in reversed(self.schedule):
            if ahead < steps:
                return scale
            ahead -= steps
        return self.schedule[0][0]

    def _announce(self, step: Step) -> None:
        each = (self.seconds[-1] - self.seconds[0]) / _TIMED
        expected = each / self.scale**2 * self._work()
        if expected <= _LONG or self.quiet:
            return
        height, width = (round(side / self.scale) for side in step.size)
        smaller = max(height, width) // 2
        tip = f"; --long-edge {smaller} would take about {duration(expected / 4)}" if smaller >= 64 else ""
        told = f"This takes about {duration(expected)} at {width}x{height}{tip}."
        tqdm.write(told, file=sys.stderr)


class MethodBars:
    """One `StepBar` after the other, usable as `compare`'s `on_step`.

    Args:
        configs: Each method's config.
        quiet: Show nothing.
    """

    def __init__(self, configs: Mapping[str, Any], *, quiet: bool = False) -> None:
        self.configs = configs
        self.quiet = quiet
        self.method = ""
        self.bar: StepBar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.bar.close()

    def __call__(self, method: str, step: Step) -> None:
        """Take note of a method's step."""
        bar = self.bar
        if bar is None or method != self.method:
            if bar is not None:
                bar.bar.close()
            bar = StepBar(method, self.configs[method], quiet=self.quiet)
            self.method, self.bar = method, bar
        bar(step)


def duration(seconds: float) -> str:
    """Return ``"0.2 s"``, ``"45 s"``, ``"3 min"`` or ``"2.5 h"``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def fetch_with_bar(name: str, *, force: bool = False, quiet: bool = False) -> Any:
    """Fetch a weight set under a bar of its bytes and return its path."""
    with tqdm(desc=name, unit="B", unit_scale=True, unit_divisor=1000, disable=quiet, leave=False) as bar:
        return catalogue.fetch(name, force=force, progress=_bytes_into(bar))


def _bytes_into(bar: tqdm[Any]) -> Callable[[int, int | None], None]:
    def progress(done: int, total: int | None) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return progress


def fetch_needed(extractor: str, decoder: str | None, *, decodes: bool, quiet: bool) -> None:
    """Fetch with a bar what the run would otherwise fetch silently.

    Raises:
        OptionError: Unknown extractor.
        WeightsError: No decoder for it, or a file that cannot be fetched.
    """
    if own_file(extractor) is not None:
        return  # the user's own file, which has no decoder but the user's own
    catalogue.find(extractor, kind="extractor")
    needed = {extractor, (decoder or default_decoder(extractor)) if decodes else extractor}
    for status in catalogue.list_weights():
        file = catalogue.find(status.name)
        # A decoder of another encoder is left to the run, which refuses it.
        fits = file.encoder in (None, extractor)
        if status.name in needed and fits and status.state == "absent" and not file.embedded:
            fetch_with_bar(status.name, quiet=quiet)
