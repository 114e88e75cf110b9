"""What every recipe shares: processes, the run's folder, precision, pictures, the loop and what comes of it."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from styletransfer.training.data.folder import PictureFolder
from styletransfer.training.engine import checkpoint as checkpoints
from styletransfer.training.engine import processes
from styletransfer.training.engine.config import RecipeConfig, RunConfig, plain_settings
from styletransfer.training.engine.folder import claimed
from styletransfer.training.engine.loop import Progress, Trainer
from styletransfer.training.engine.precision import resolve
from styletransfer.training.engine.processes import World
from styletransfer.training.engine.task import Task

Network = TypeVar("Network", bound=nn.Module)
Own = TypeVar("Own", bound=RecipeConfig)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of a training.

    Attributes:
        files: What was written for use: the network and its model card.
        steps: Steps done.
        finished: Whether that was all of them; a run that was stopped can be resumed.
        seconds: Time trained.
        losses: Medians of the last steps.
        folder: The run's folder: log, samples, checkpoints.
        leads: Whether this process wrote it all, as the first of those that torchrun started does.
    """

    files: list[Path]
    steps: int
    finished: bool
    seconds: float
    losses: Mapping[str, float]
    folder: Path
    leads: bool = True


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """What is called during a training, on the leading process only.

    Attributes:
        on_step: After each step.
        on_warning: With each warning, one sentence.
        on_reading: With (files looked at, files in all) while folders are read.
        command: How the run was started, for the model card.
    """

    on_step: Callable[[Progress], None] | None = None
    on_warning: Callable[[str], None] | None = None
    on_reading: Callable[[int, int], None] | None = None
    command: str | None = None


@dataclass(frozen=True, kw_only=True)
class Run(Generic[Own]):
    """One training, from its folder to its outcome.

    Attributes:
        config: How it runs, with the precision settled.
        own: The recipe's settings.
        folder: Its folder.
        world: This process among all.
        resume: Whether it continues from a checkpoint.
        hooks: What is called.
        preset: Name of the preset.
    """

    config: RunConfig
    own: Own
    folder: Path
    world: World
    resume: bool
    hooks: Hooks
    preset: str
    warnings: list[str] = field(default_factory=list)

    @property
    def device(self) -> torch.device:
        """Where it trains."""
        return self.world.device

    def pictures(self, path: str | Path, what: str, at_least: int) -> PictureFolder:
        """Read a folder's pictures as a training needs them."""
        read = PictureFolder(
            path,
            short_edge=self.config.short_edge,
            cache_megabytes=self.config.cache_megabytes,
            at_least=at_least,
            what=what,
            on_progress=self.hooks.on_reading if self.world.leads else None,
        )
        others = [problem for problem in read.problems if not problem.counts]
        if others:
            self.warnings.append(
                f'{len(others)} file(s) in "{path}" are left out, the first being {others[0].path.name}: '
                f"{others[0].reason}."
            )
        return read

    def in_precision(self, network: Network) -> Network:
        """Return a frozen network in the run's precision; else its weights would be cast again in every step.

        A copy: the encoder, of which a decoder reads statistics, keeps its own.
        """
        half = self.config.precision == "bfloat16"
        return copy.deepcopy(network).to(torch.bfloat16) if half else network

    def train(self, task: Task, settings: Mapping[str, Any], notes: Mapping[str, Any]) -> Outcome:
        """Train a task and write the result; of a run that was stopped, too."""
        trainer = Trainer(
            task,
            self.config,
            self.folder,
            self.world,
            settings=plain_settings(self.config, self.own, **settings),
            on_step=self.hooks.on_step,
            on_warning=self.hooks.on_warning,
        )
        if self.resume:
            trainer.resume()
        for text in self.warnings:
            trainer.journal.warn(text)
        finished = trainer.run()
        files: list[Path] = []
        if self.world.leads and trainer.done:
            told = {
                **notes,
                "command": self.hooks.command,
                "steps_done": trainer.done,
                "hours": round(trainer.seconds / 3600, 2),
                "device": f"{self.world.size} x {self.device.type}",
                "settings": dataclasses.asdict(self.config) | dataclasses.asdict(self.own),
                "losses": trainer.journal.typical,
            }
            files = task.export(self.folder, told)
        # torchrun ends the others when one fails, so none may leave, and fail in leaving, before all is written.
        self.world.agree(False)
        return Outcome(
            files=files,
            steps=trainer.done,
            finished=finished,
            seconds=trainer.seconds,
            losses=trainer.journal.typical,
            folder=self.folder,
            leads=self.world.leads,
        )


@contextlib.contextmanager
def started(
    recipe: type[Own],
    output: str | Path,
    preset: str | None,
    options: Mapping[str, Any],
    *,
    resume: bool,
    device: str | None,
    hooks: Hooks | None,
) -> Iterator[Run[Own]]:
    """Check the options, join the other processes and claim the folder; undo that in the end.

    The caller's random state stays as it is.
    """
    with torch.random.fork_rng(devices=[]):
        world = processes.join(device)
        try:
            preset = preset or ("default" if world.device.type == "cuda" else "laptop")
            config, own = recipe.build(preset, options)
            folder = Path(output)
            with claimed(folder, resume, world):
                yield Run(
                    config=_settle_precision(config, folder, resume, world),
                    own=own,
                    folder=folder,
                    world=world,
                    resume=resume,
                    hooks=hooks or Hooks(),
                    preset=preset,
                )
        finally:
            processes.leave()


def _settle_precision(config: RunConfig, folder: Path, resume: bool, world: World) -> RunConfig:
    """Decide what ``auto`` means; a resumed run keeps what was decided."""
    if config.precision == "auto" and resume:
        was = checkpoints.read(checkpoints.newest(folder)).config.get("precision")
        return dataclasses.replace(config, precision="bfloat16" if was == "bfloat16" else "float32")
    precision = resolve(config.precision, world.device)
    # Processes that measured differently must not differ.
    fast = not world.agree(precision == "float32")
    return dataclasses.replace(
        config, precision=precision if world.size == 1 else "bfloat16" if fast else "float32"
    )


def name_of(start: object) -> str | None:
    """Return how a model card names what a training began with; an object has no name."""
    return str(start) if isinstance(start, (str, Path)) else None


def file_names(sources: Sequence[str | Path]) -> list[str]:
    """Return the names of files or weight sets, without the folders that hold them."""
    return [Path(source).name for source in sources]
