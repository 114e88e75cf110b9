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
from styletransfer.training.data.batches import batches, default_workers
from styletransfer.training.data.crops import CropBatch
from styletransfer.training.engine import checkpoint as checkpoints
from styletransfer.training.engine import memory
from styletransfer.training.engine.checkpoint import Checkpoint
from styletransfer.training.engine.config import RunConfig
from styletransfer.training.engine.journal import Journal
from styletransfer.training.engine.precision import autocast
from styletransfer.training.engine.processes import World
from styletransfer.training.engine.silence import SilenceWatch
from styletransfer.training.engine.stopping import Stopped, Wish
from styletransfer.training.engine.task import Losses, Task

#: Steps in a row without a finite gradient after which a run is given up.
_LOST = 20
#: The lowest share of the peak that the learning rate falls to.
_FLOOR = 1e-3
#: Step at which a first sample is made, whatever `sample_steps` says: within two minutes on a laptop.
_FIRST_SAMPLE = 20


@dataclasses.dataclass(frozen=True)
class Progress:
    """The state of a run after a step.

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
        settings: Mapping[str, Any] | None = None,
        on_step: Callable[[Progress], None] | None = None,
        on_warning: Callable[[str], None] | None = None,
    ) -> None:
        parts = config.gradient_accumulation_steps
        share, rest = divmod(config.batch_size, world.size * parts)
        if rest or not share:
            raise OptionError(
                f"A batch of {config.batch_size} cannot be shared by {world.size} process(es) in {parts} part(s) "
                f"each; choose a batch_size that is a multiple of {world.size * parts}."
            )
        self.task = task
        self.config = config
        self.folder = folder
        self.world = world
        self.settings = dict(settings or {})
        self.on_step = on_step
        self.journal = Journal(folder, task.bands, on_warning=on_warning, silent=not world.leads)
        self.named = {name: p for name, p in task.module.named_parameters() if p.requires_grad}
        self.parameters = list(self.named.values())
        self.watch = SilenceWatch(list(self.named))
        self.optimizer = torch.optim.Adam(self.parameters, lr=config.learning_rate, betas=(0.9, 0.99))
        self.done = self.updates = 0
        self.seconds = 0.0
        self._lost = 0
        self._wish = Wish()
        self._noted: set[Path] = set()

    @property
    def slots(self) -> range:
        """This process's slots of each step's global batch."""
        share = self.config.batch_size // self.world.size
        return range(self.world.rank * share, (self.world.rank + 1) * share)

    def resume(self) -> None:
        """Continue from the folder's newest checkpoint.

        Raises:
            TrainingError: None there, a damaged one, or one of other settings.
        """
        path = checkpoints.newest(self.folder)
        stored = checkpoints.read(path)
        checkpoints.compare(stored, self.task.kind, self.settings)
        fault = checkpoints.check_tensors(stored, self._tensors(moments=stored.updates > 0))
        if stored.step > self.config.steps:
            fault = f"its step {stored.step} is beyond the last, {self.config.steps}"
        if fault is not None:
            raise checkpoints.damaged(path, fault)
        try:
            self.task.load_state(stored.extra)
        except ValueError as error:
            raise checkpoints.damaged(path, str(error)) from error
        self.task.module.load_state_dict(stored.part("module"))
        self._load_moments(stored)
        self.done, self.updates, self.seconds = stored.step, stored.updates, stored.seconds
        self.journal.recall(stored.recent)

    def _tensors(self, *, moments: bool) -> dict[str, Tensor]:
        """Return what a checkpoint holds: the module, and Adam's moments if there are any yet."""
        found = {f"module.{name}": x for name, x in self.task.module.state_dict().items()}
        for name, parameter in self.named.items() if moments else ():
            state = self.optimizer.state.get(parameter) or {"exp_avg": parameter, "exp_avg_sq": parameter}
            found |= {f"first.{name}": state["exp_avg"], f"second.{name}": state["exp_avg_sq"]}
        return found

    def _load_moments(self, stored: Checkpoint) -> None:
        if not stored.updates:
            return
        first, second = stored.part("first"), stored.part("second")
        # Laid out in memory as the parameters are: the last bit of an update may depend on it.
        states = {
            number: {
                "step": torch.tensor(float(stored.updates)),
                "exp_avg": torch.empty_like(parameter).detach().copy_(first[name]),
                "exp_avg_sq": torch.empty_like(parameter).detach().copy_(second[name]),
            }
            for number, (name, parameter) in enumerate(self.named.items())
        }
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": states})

    def run(self) -> bool:
        """Train to the last step; return False if a signal stopped it before.

        With one process, a signal ends the step at once, and the checkpoint is that of the step before. Several
        processes wait for each other, so there the step is finished.

        Raises:
            TrainingError: The loss stayed without a finite gradient, too much bad data, a dead worker, no memory.
            OutputError: Something cannot be written; the last checkpoint is intact.
        """
        self.journal.note("start", step=self.done, kind=self.task.kind, settings=self.settings)
        self._report()
        with self._wish.heard(), contextlib.suppress(Stopped):
            with self._wish.leaving(self.world.size == 1), memory.watched(self.config, self.world):
                memory.check(self.task, self.config, self.world)
            self._go_through()
        if self.done and checkpoints.latest(self.folder) != self._path():
            self._save()
        finished = self.done == self.config.steps
        self.journal.note("end", step=self.done, seconds=round(self.seconds, 1), finished=finished)
        self.journal.close()
        return finished

    def _go_through(self) -> None:
        """Take all steps that are left."""
        steps = range(self.done + 1, self.config.steps + 1)
        workers = self.config.num_workers
        loader = batches(
            self.task.sources,
            steps,
            self.slots,
            workers=default_workers() if workers is None else workers,
            parts=self.config.gradient_accumulation_steps,
        )
        began, before = time.perf_counter(), self.seconds
        with contextlib.closing(loader):  # type: ignore[type-var]
            for step in steps:
                with memory.watched(self.config, self.world):
                    values = self._step(step, loader)
                self.done, self.seconds = step, before + time.perf_counter() - began
                stop = self.world.agree(self._wish.stop)
                self._report()
                with memory.watched(self.config, self.world):
                    self._tell(step, values, last=stop or step == self.config.steps)
                if stop:
                    break

    def _step(self, step: int, loader: Iterator[Sequence[CropBatch]]) -> dict[str, float]:
        """Take one optimiser step; return what is logged, averaged over parts and processes."""
        with self._wish.leaving(self.world.size == 1):  # nothing has changed yet that a checkpoint holds
            sums = self._backward(step, loader)
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

    def _backward(self, step: int, loader: Iterator[Sequence[CropBatch]]) -> dict[str, Tensor]:
        """Sum the gradients of this process's parts of a step; return its values."""
        self.optimizer.zero_grad(set_to_none=True)
        sums: dict[str, Tensor] = {}
        parts = self.config.gradient_accumulation_steps
        size = len(self.slots) // parts
        for part in range(parts):
            made = next(loader)
            with autocast(self.world.device, self.config.precision):
                losses = self.task.losses(made, step, self.slots[part * size : (part + 1) * size])
                total = torch.stack([term.float() for term in losses.terms.values()]).sum()
            (total / parts).backward()  # type: ignore[no-untyped-call]
            for name, value in _named(losses).items():
                sums[name] = sums.get(name, torch.zeros_like(value)) + value / parts
        return sums

    def _descend(self, step: int, values: Mapping[str, float]) -> None:
        """Follow the gradient, if it is finite: one bad batch must not end a night's work."""
        norm = nn.utils.clip_grad_norm_(self.parameters, self.config.max_grad_norm)
        if math.isfinite(float(norm)):
            self._lost = 0
            for group in self.optimizer.param_groups:
                group["lr"] = self._rate(step)
            self.optimizer.step()
            self.updates += 1
            return
        self._lost += 1
        bad = next((name for name, value in values.items() if not math.isfinite(value)), "the gradient")
        self.journal.note("warning", step=step, text=f"{bad} is not finite; the step was left out")
        if self._lost >= _LOST:
            raise TrainingError(
                f"{bad.lstrip('*')} was not finite for {_LOST} steps in a row; given up at step {step}. The last "
                "checkpoint is intact. Start again, in another folder, with a lower --learning-rate or with "
                "--precision float32."
            )

    def _rate(self, step: int) -> float:
        rise = min(1.0, step / self.config.warmup_steps) if self.config.warmup_steps else 1.0
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
        config, phase = self.config, self.task.phase(step)
        if step % config.logging_steps == 0 or last:
            record = {"seconds": round(self.seconds, 2), "phase": phase, "learning_rate": self._rate(step)}
            self.journal.step(step, record, values)
        for text in self.task.warnings(step, self.journal.typical):
            self.journal.warn(text)
        if step % config.sample_steps == 0 or step == _FIRST_SAMPLE or last:
            self.journal.sample(step, self.task.sample())
        if step % config.save_steps == 0 or last:
            self._save()
        if self.on_step is not None:
            self.on_step(Progress(step, config.steps, self.seconds, phase, self.journal.typical))

    def _path(self) -> Path:
        return self.folder / f"step-{self.done}.safetensors"

    def _save(self) -> None:
        """Write a checkpoint of the steps done."""
        if not self.world.leads:
            return
        state = Checkpoint(
            step=self.done,
            updates=self.updates,
            kind=self.task.kind,
            config=self.settings,
            tensors=self._tensors(moments=self.updates > 0),
            extra=self.task.state(),
            seconds=self.seconds,
            recent={name: list(values) for name, values in self.journal.recent.items()},
        )
        path = checkpoints.write(self.folder, state, self.config.save_total_limit)
        self.journal.note("checkpoint", step=self.done, path=path.name)


def _named(losses: Losses) -> dict[str, Tensor]:
    """Give every scalar a name of its own: terms and shown ones as they are, observed ones with a star."""
    named = {**losses.terms, **losses.shown, **{f"*{k}": v for k, v in losses.observed.items()}}
    return {name: value.detach().float() for name, value in named.items()}
