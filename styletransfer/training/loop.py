"""The loop that trains anything: it steps, logs, samples, keeps checkpoints and stops in good order."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from styletransfer.errors import OptionError, TrainingError
from styletransfer.training import checkpoint as checkpoints
from styletransfer.training.checkpoint import Checkpoint
from styletransfer.training.config import RunConfig
from styletransfer.training.crops import CropBatch
from styletransfer.training.distributed import World
from styletransfer.training.journal import Journal
from styletransfer.training.loader import batches
from styletransfer.training.precision import autocast
from styletransfer.training.silence import SilenceWatch
from styletransfer.training.stopping import Wish, heard
from styletransfer.training.task import Losses, Task

#: Steps in a row without a finite gradient after which a run is given up.
_LOST = 20
#: The lowest share of the peak that the learning rate falls to.
_FLOOR = 1e-3
#: Seconds that may lie between a worker's death and the signal to this process that explains it.
_GRACE = 0.5
#: Step at which a first sample is made, whatever `sample_every` says: within two minutes on a laptop.
_FIRST_SAMPLE = 20


@dataclasses.dataclass(frozen=True)
class Progress:
    """What is told after each step.

    Attributes:
        step: Steps done.
        steps: Steps planned.
        seconds: Time trained in all.
        phase: Name of the part of the training.
        typical: Of what is logged, the medians of the last steps.
    """

    step: int
    steps: int
    seconds: float
    phase: str
    typical: Mapping[str, float]


class Trainer:
    """Runs a task.

    Args:
        task: What is trained; its module is on the world's device.
        config: How.
        folder: The run's folder; made if it is not there.
        world: This process among all.
        workers: Processes that load batches.
        settings: The task's settings as plain values, kept in each checkpoint.
        on_step: Called after each step, on the leading process.
        on_warning: Called with each warning, on the leading process.

    Raises:
        OptionError: A batch that cannot be shared among the processes and parts.
    """

    def __init__(
        self,
        task: Task,
        config: RunConfig,
        folder: Path,
        world: World,
        *,
        workers: int = 0,
        settings: Mapping[str, Any] | None = None,
        on_step: Callable[[Progress], None] | None = None,
        on_warning: Callable[[str], None] | None = None,
    ) -> None:
        share, rest = divmod(config.batch, world.size * config.accumulate)
        if rest or not share:
            raise OptionError(
                f"A batch of {config.batch} cannot be shared by {world.size} process(es) in {config.accumulate} "
                f"part(s) each; choose a batch that is a multiple of {world.size * config.accumulate}."
            )
        self.task = task
        self.config = config
        self.folder = folder
        self.world = world
        self.workers = workers
        self.settings = dict(settings or {})
        self.on_step = on_step
        self.journal = Journal(folder, task.bands, on_warning=on_warning, silent=not world.leads)
        named = {name: p for name, p in task.module.named_parameters() if p.requires_grad}
        self.parameters = list(named.values())
        self.watch = SilenceWatch(list(named))
        self.optimizer = torch.optim.Adam(self.parameters, lr=config.learning_rate, betas=(0.9, 0.99))
        self.done = 0
        self.seconds = 0.0
        self._lost = 0
        self._wish = Wish()
        self._noted: set[Path] = set()

    @property
    def slots(self) -> range:
        """This process's slots of each step's global batch."""
        share = self.config.batch // self.world.size
        return range(self.world.rank * share, (self.world.rank + 1) * share)

    def resume(self) -> None:
        """Go on from the folder's newest checkpoint.

        Raises:
            TrainingError: None there, a damaged one, or one of other settings.
        """
        newest = checkpoints.latest(self.folder)
        if newest is None:
            raise TrainingError(f"There is no checkpoint in {self.folder} to resume from; start without --resume.")
        stored = checkpoints.read(newest)
        checkpoints.compare(stored, self.task.kind, self.settings)
        try:
            self.task.module.load_state_dict(stored.module)
        except RuntimeError as error:
            raise TrainingError(
                f"The checkpoint {newest} holds a network of another architecture: "
                f"{str(error).splitlines()[-1].strip()} Choose another folder."
            ) from error
        self.optimizer.load_state_dict(dict(stored.optimizer))
        self.task.load_state(stored.extra)
        self.done, self.seconds = stored.step, stored.seconds
        self.journal.recall(stored.recent)

    def run(self) -> bool:
        """Train to the last step; return False if a signal stopped it before.

        Raises:
            TrainingError: The loss stayed without a finite gradient, too much bad data, a dead worker, no memory.
            OutputError: Something cannot be written; the last checkpoint is intact.
        """
        self.journal.note("start", step=self.done, kind=self.task.kind, settings=self.settings)
        self._report()
        steps = range(self.done + 1, self.config.steps + 1)
        loader = batches(
            self.task.sources, steps, self.slots, workers=self.workers, accumulate=self.config.accumulate
        )
        began, before = time.perf_counter(), self.seconds
        with heard(self._wish), contextlib.closing(loader):  # type: ignore[type-var]
            for step in steps:
                with self._memory_watched():
                    values = self._step(step, loader)
                self.done, self.seconds = step, before + time.perf_counter() - began
                stop = self.world.agree(self._wish.stop)
                self._report()
                with self._memory_watched():
                    self._tell(step, values, last=stop or step == self.config.steps)
                if stop:
                    break
        finished = self.done == self.config.steps
        self.journal.note("end", step=self.done, seconds=round(self.seconds, 1), finished=finished)
        self.journal.close()
        return finished

    def _step(self, step: int, loader: Iterator[Any]) -> dict[str, float]:
        """Take one optimiser step; return what is logged, averaged over parts and processes."""
        self.optimizer.zero_grad(set_to_none=True)
        sums: dict[str, Tensor] = {}
        size = len(self.slots) // self.config.accumulate
        for part in range(self.config.accumulate):
            slots = self.slots[part * size : (part + 1) * size]
            made = self._batches(loader, step, slots)
            with autocast(self.world.device, self.config.precision):
                losses = self.task.losses(made, step, slots)
                total = torch.stack([term.float() for term in losses.terms.values()]).sum()
            (total / self.config.accumulate).backward()  # type: ignore[no-untyped-call]
            for name, value in _named(losses).items():
                sums[name] = sums.get(name, torch.zeros_like(value)) + value / self.config.accumulate
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in self.parameters]
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        self.world.average([*gradients, *sums.values()])
        values = dict(zip(sums, torch.stack(list(sums.values())).tolist(), strict=True))  # one wait for the device
        silent = self.watch.look(step, gradients)
        if silent:
            self.journal.warn(silent)
        self._descend(step, values)
        self.task.observe({k[1:]: v for k, v in values.items() if k.startswith("*") and math.isfinite(v)})
        return {name: value for name, value in values.items() if not name.startswith("*")}

    def _batches(self, loader: Iterator[Any], step: int, slots: range) -> Sequence[CropBatch]:
        """Take the next part's batches from the loader.

        A signal to the whole process group ends the workers too. That is no error where it also told this process
        to stop: what is missing of the last step is then made here, since other processes may be waiting for it.
        """
        try:
            return next(loader)
        except (TrainingError, StopIteration):
            if not self._wish.stop:
                time.sleep(_GRACE)
            if not self._wish.stop:
                raise
            return tuple(source.batch(step, slots) for source in self.task.sources)

    def _descend(self, step: int, values: Mapping[str, float]) -> None:
        """Follow the gradient, if it is finite: one bad batch must not end a night's work."""
        norm = nn.utils.clip_grad_norm_(self.parameters, self.config.clip)
        if math.isfinite(float(norm)):
            self._lost = 0
            for group in self.optimizer.param_groups:
                group["lr"] = self._rate(step)
            self.optimizer.step()
            return
        self._lost += 1
        bad = next((name for name, value in values.items() if not math.isfinite(value)), "the gradient")
        self.journal.note("warning", step=step, text=f"{bad} is not finite; the step was left out")
        if self._lost >= _LOST:
            raise TrainingError(
                f"{bad.lstrip('*')} was not finite for {_LOST} steps in a row; given up at step {step}. The last "
                "checkpoint is intact. Start anew, in another folder, with a lower --learning-rate or with "
                "--precision float32."
            )

    def _rate(self, step: int) -> float:
        rise = min(1.0, step / self.config.rise) if self.config.rise else 1.0
        fall = 0.5 + 0.5 * math.cos(math.pi * step / self.config.steps)
        return self.config.learning_rate * rise * max(fall, _FLOOR)

    def _report(self) -> None:
        """Note bad files that were met since the last time, and stop if there are too many."""
        for folder in self.task.folders:
            news = [problem for problem in folder.problems if problem.path not in self._noted]
            for problem in news:
                self._noted.add(problem.path)
                self.journal.note("problem", path=str(problem.path), reason=problem.reason)
            if news:
                folder.check_problems()

    def _tell(self, step: int, values: dict[str, float], *, last: bool) -> None:
        """Log, sample, keep a checkpoint and call back, each when it is due."""
        self.journal.follow(values)
        if not self.world.leads:
            return
        phase = self.task.phase(step)
        if step % self.config.log_every == 0 or last:
            record = {"seconds": round(self.seconds, 2), "phase": phase, "learning_rate": self._rate(step)}
            self.journal.step(step, record, values)
        for text in self.task.warnings(step, self.journal.typical):
            self.journal.warn(text)
        if step % self.config.sample_every == 0 or step == _FIRST_SAMPLE or last:
            self.journal.sample(step, self.task.sample())
        if step % self.config.checkpoint_every == 0 or last:
            path = checkpoints.write(self.folder, self._checkpoint(), self.config.keep)
            self.journal.note("checkpoint", step=step, path=path.name)
        if self.on_step is not None:
            self.on_step(Progress(step, self.config.steps, self.seconds, phase, self.journal.typical))

    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(
            step=self.done,
            kind=self.task.kind,
            config=self.settings,
            module=self.task.module.state_dict(),
            optimizer=self.optimizer.state_dict(),
            extra=self.task.state(),
            seconds=self.seconds,
            recent={name: list(values) for name, values in self.journal.recent.items()},
        )

    @contextlib.contextmanager
    def _memory_watched(self) -> Iterator[None]:
        """Turn a lack of memory into advice."""
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            if not _no_memory(error):
                raise
            raise TrainingError(
                f"Not enough memory on {self.world.device} for a batch of {self.config.batch} crops of "
                f"{self.config.size} pixels. The last checkpoint is intact. What may fit: "
                f"{', or '.join(self._smaller())}."
            ) from error

    def _smaller(self) -> list[str]:
        """Return the options that need less memory and can be given."""
        config, found = self.config, []
        smallest = self.world.size * config.accumulate
        if len(self.slots) % (2 * config.accumulate) == 0:
            found.append(f"the same batch in more parts (--accumulate {2 * config.accumulate})")
        if config.batch > smallest:
            found.append(f"a smaller batch (--batch {config.batch // 2 // smallest * smallest or smallest})")
        if config.size > 32:
            found.append(f"smaller crops (--size {max(32, config.size // 32 * 16)})")
        return [*found, *([] if config.recompute else ["--recompute"])] or ["another machine"]


def _named(losses: Losses) -> dict[str, Tensor]:
    """Give every scalar a name of its own: terms and shown ones as they are, observed ones with a star."""
    named = {**losses.terms, **losses.shown, **{f"*{k}": v for k, v in losses.observed.items()}}
    return {name: value.detach().float() for name, value in named.items()}


def _no_memory(error: BaseException) -> bool:
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error)  # torch's CPU allocator raises a plain RuntimeError
    return "not enough memory" in text or "can't allocate memory" in text
