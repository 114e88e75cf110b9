"""A whole training in one call: from folders of pictures to a file that the stylizers take."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from styletransfer.errors import OptionError
from styletransfer.features.vgg import VGG19Features
from styletransfer.methods.feedforward.decoder_files import Decoder
from styletransfer.training import distributed
from styletransfer.training.config import DecoderConfig, ExtractorConfig, RunConfig, configure
from styletransfer.training.crops import Crops, CropSettings
from styletransfer.training.decoder import DecoderTask, too_few_steps
from styletransfer.training.distill import ExtractorTask
from styletransfer.training.distributed import World
from styletransfer.training.folder import count_shared
from styletransfer.training.loader import default_workers
from styletransfer.training.loop import Progress, Trainer
from styletransfer.training.preparation import (
    at_home,
    default_preset,
    embedded_decoder,
    in_precision,
    plain_settings,
    prepare_folder,
    read_pictures,
    settle_precision,
    starting_decoder,
    starting_student,
)
from styletransfer.training.styles import StyleBank
from styletransfer.training.task import Task
from styletransfer.training.teachers import LossNetwork, Teacher, load_teacher

#: Streams of the crops of a distillation; those below belong to a decoder's contents, styles and their views.
_FIRST_STREAM = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a training.

    Attributes:
        files: What was written for use: the network and its model card.
        steps: Steps done.
        finished: Whether that was all of them; a run that was told to stop can be resumed.
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hooks:
    """Who is told what while it trains; each is called on the leading process only.

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


@torch.random.fork_rng(devices=[])  # the caller's random state stays as it is
def train_decoder(
    content: str | Path,
    style: str | Path,
    output: str | Path,
    *,
    extractor: str | VGG19Features = "vgg19-lite",
    preset: str | None = None,
    loss_networks: Sequence[str | Path] = (),
    start: str | Path | Decoder | None = None,
    resume: bool = False,
    device: str | None = None,
    workers: int | None = None,
    hooks: Hooks | None = None,
    **options: Any,
) -> Outcome:
    """Train AdaIN's decoder for an extractor (Huang and Belongie 2017, section 6).

    Args:
        content: Folder of photographs, searched recursively.
        style: Folder of paintings, prints, patterns.
        output: Folder of the run: log, samples, checkpoints; in the end ``decoder.safetensors`` with its card.
        extractor: Name of a weight set, file of a trained extractor, or an extractor.
        preset: A name in `config.DECODER_PRESETS`; by default ``"default"`` on CUDA and ``"laptop"`` elsewhere.
        loss_networks: Where losses are measured: names or files (`teachers`); by default the extractor.
        start: Decoder to go on from: a name, a file or an object. ``few-shot`` goes on from the extractor's own.
        resume: Go on from the newest checkpoint in `output`.
        device: Where to train; see `create_stylizer`.
        workers: Processes that load pictures; `loader.default_workers` if None.
        hooks: Who is told what.
        **options: Fields of `config.RunConfig` and `config.DecoderConfig`.

    Raises:
        StyleTransferError: Bad input, before the first step wherever it can be found there; `TrainingError` for
            what goes wrong on the way. The last checkpoint stays intact.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from styletransfer import samples
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name, kind in (("valley", "photos"), ("harbour", "photos"), ("mosaic", "paintings")):
        ...     (folder / kind).mkdir(exist_ok=True)
        ...     samples.draw(name, long_edge=96).save(folder / kind / f"{name}.png")
        >>> outcome = train_decoder(
        ...     folder / "photos", folder / "paintings", folder / "run", preset="lab", device="cpu",
        ...     steps=2, autoencoder_steps=1, batch=1, size=32,
        ... )
        >>> outcome.files[0].name
        'decoder.safetensors'
    """
    hooks = hooks or Hooks()
    world = distributed.join(device)
    try:
        run, config = configure(DecoderConfig, preset or default_preset(world), options)
        folder = prepare_folder(Path(output), resume, world)
        run = settle_precision(run, folder, resume, world)
        encoder = at_home(extractor, world)
        if preset == "few-shot" and start is None:
            start = embedded_decoder(encoder)
        decoder = starting_decoder(start, encoder, config, world, run.seed)
        teachers = [load_teacher(source, world.device) for source in loss_networks] or [Teacher(encoder)]
        photos, paintings = (
            read_pictures(path, run, world, hooks.on_reading, what=what, at_least=least)
            for path, what, least in ((content, "content", 2), (style, "style", 1))
        )
        network = in_precision(LossNetwork(teachers), run)
        task = DecoderTask(
            encoder,
            network,
            Crops(photos, CropSettings(size=run.size, smallest=run.smallest), seed=run.seed),
            StyleBank(paintings, encoder, config.taps, network, seed=run.seed, views=config.views),
            config,
            decoder,
            recompute=run.recompute,
        )
        settings = plain_settings(
            run, config, extractor=encoder.name, loss_networks=[Path(s).name for s in loss_networks]
        )
        settings |= {"content": photos.fingerprint(), "style": paintings.fingerprint()}
        trainer = _trainer(task, run, folder, world, workers, settings, hooks)
        shared = count_shared(photos, paintings)
        if shared:
            trainer.journal.warn(
                f"{shared} picture(s) are in both the content and the style folder; photographs make poor styles. "
                "Was the same folder given twice?"
            )
        few = too_few_steps(run.steps, config)
        if few and start is None:
            trainer.journal.warn(few)
        notes: dict[str, str | None] = {
            "content": f"{len(photos)} pictures",
            "style": f"{len(paintings)} pictures",
        }
        notes |= {"started_from": str(start) if start is not None and not isinstance(start, Decoder) else None}
        notes |= {"teachers": ", ".join(settings["loss_networks"]) or encoder.name}
        return _carry_out(trainer, task, run, config, resume, hooks, notes)
    finally:
        distributed.leave()


@torch.random.fork_rng(devices=[])  # the caller's random state stays as it is
def train_extractor(
    pictures: Sequence[str | Path],
    output: str | Path,
    *,
    teachers: Sequence[str | Path],
    preset: str | None = None,
    start: str | Path | VGG19Features | None = None,
    resume: bool = False,
    device: str | None = None,
    workers: int | None = None,
    hooks: Hooks | None = None,
    **options: Any,
) -> Outcome:
    """Distil an extractor of any width from wider ones.

    Args:
        pictures: Folders of pictures, searched recursively; a step takes a batch of each.
        output: Folder of the run, with ``extractor.safetensors`` and its card in the end.
        teachers: Names of weight sets, or files (`teachers`); each tap is learnt from the first that has it.
        preset: A name in `config.EXTRACTOR_PRESETS`; by default ``"default"`` on CUDA and ``"laptop"`` elsewhere.
        start: Extractor to go on from: a name, a file or an object; its widths count then.
        resume: Go on from the newest checkpoint in `output`.
        device: Where to train; see `create_stylizer`.
        workers: Processes that load pictures; `loader.default_workers` if None.
        hooks: Who is told what.
        **options: Fields of `config.RunConfig` and `config.ExtractorConfig`.

    Raises:
        StyleTransferError: As `train_decoder`.
    """
    hooks = hooks or Hooks()
    if not pictures or not teachers:
        raise OptionError("A distillation needs at least one folder of pictures and one teacher.")
    world = distributed.join(device)
    try:
        run, config = configure(ExtractorConfig, preset or default_preset(world), options)
        folder = prepare_folder(Path(output), resume, world)
        run = settle_precision(run, folder, resume, world)
        loaded = [in_precision(load_teacher(source, world.device), run) for source in teachers]
        folders = [
            read_pictures(path, run, world, hooks.on_reading, what="picture", at_least=2) for path in pictures
        ]
        crops = CropSettings(size=run.size, smallest=run.smallest)
        sources = [Crops(f, crops, seed=run.seed, stream=_FIRST_STREAM + n) for n, f in enumerate(folders)]
        torch.manual_seed(run.seed)
        student = starting_student(start, config).to(world.device)
        task = ExtractorTask(student, loaded, sources, config, world.device, recompute=run.recompute)
        settings = plain_settings(run, config, teachers=[Path(source).name for source in teachers])
        settings |= {"pictures": [f.fingerprint() for f in folders], "width": student.widths, "last": student.last}
        trainer = _trainer(task, run, folder, world, workers, settings, hooks)
        notes: dict[str, str | None] = {"pictures": ", ".join(f"{len(f)} pictures" for f in folders)}
        notes |= {"teachers": ", ".join(settings["teachers"])}
        notes |= {
            "started_from": str(start) if start is not None and not isinstance(start, VGG19Features) else None
        }
        return _carry_out(trainer, task, run, config, resume, hooks, notes)
    finally:
        distributed.leave()


def _trainer(
    task: Task,
    run: RunConfig,
    folder: Path,
    world: World,
    workers: int | None,
    settings: dict[str, Any],
    hooks: Hooks,
) -> Trainer:
    return Trainer(
        task,
        run,
        folder,
        world,
        workers=default_workers() if workers is None else workers,
        settings=settings,
        on_step=hooks.on_step,
        on_warning=hooks.on_warning,
    )


def _carry_out(
    trainer: Trainer, task: Task, run: RunConfig, config: Any, resume: bool, hooks: Hooks, notes: Mapping[str, Any]
) -> Outcome:
    """Train and write what came of it; of a run that was stopped, too."""
    if resume:
        trainer.resume()
    finished = trainer.run()
    files: list[Path] = []
    if trainer.world.leads and trainer.done:
        told = {
            **notes,
            "command": hooks.command,
            "steps_done": trainer.done,
            "hours": round(trainer.seconds / 3600, 2),
            "device": f"{trainer.world.size} x {trainer.world.device.type}",
            "settings": dataclasses.asdict(run) | dataclasses.asdict(config),
            "losses": trainer.journal.typical,
        }
        files = task.export(trainer.folder, told)
    # torchrun ends the others when one fails, so none may leave, and fail in leaving, before all is written.
    trainer.world.agree(False)
    return Outcome(
        files=files,
        steps=trainer.done,
        finished=finished,
        seconds=trainer.seconds,
        losses=trainer.journal.typical,
        folder=trainer.folder,
        leads=trainer.world.leads,
    )
