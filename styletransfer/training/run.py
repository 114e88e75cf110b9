"""A whole training in one call: from folders of pictures to a file that the stylizers take."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import nn

from styletransfer.errors import OptionError, OutputError, TrainingError
from styletransfer.features import create_extractor
from styletransfer.features.vgg import VGG19Features
from styletransfer.methods.decoder import LITE, Decoder, Upsampling, load_decoder
from styletransfer.training import checkpoint as checkpoints
from styletransfer.training import distributed
from styletransfer.training.config import DecoderConfig, ExtractorConfig, RunConfig, configure
from styletransfer.training.crops import Crops, CropSettings
from styletransfer.training.decoder import DecoderTask, decoder_spec, too_few_steps
from styletransfer.training.distill import ExtractorTask, Student, student_widths
from styletransfer.training.distributed import World
from styletransfer.training.folder import PictureFolder, count_shared
from styletransfer.training.loader import default_workers
from styletransfer.training.loop import Progress, Trainer
from styletransfer.training.precision import resolve
from styletransfer.training.styles import StyleBank
from styletransfer.training.task import Task
from styletransfer.training.teachers import LossNetwork, Teacher, load_teacher

Network = TypeVar("Network", bound=nn.Module)

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
        losses: Running averages at the end.
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
        run, config = configure(DecoderConfig, preset or _default_preset(world), options)
        folder = _prepare(Path(output), resume, world)
        run = _settle_precision(run, folder, resume, world)
        encoder = _on(extractor, world)
        if preset == "few-shot" and start is None:
            start = _embedded_decoder(encoder)
        decoder = _starting_decoder(start, encoder, config, world, run.seed)
        teachers = [load_teacher(source, world.device) for source in loss_networks] or [Teacher(encoder)]
        photos, paintings = (
            _read(path, run, hooks, world, what=what, at_least=least)
            for path, what, least in ((content, "content", 2), (style, "style", 1))
        )
        network = _in_precision(LossNetwork(teachers), run)
        task = DecoderTask(
            encoder,
            network,
            Crops(photos, CropSettings(size=run.size, smallest=run.smallest), seed=run.seed),
            StyleBank(paintings, encoder, config.taps, network, seed=run.seed, views=config.views),
            config,
            decoder,
            recompute=run.recompute,
        )
        settings = _settings(
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
        run, config = configure(ExtractorConfig, preset or _default_preset(world), options)
        folder = _prepare(Path(output), resume, world)
        run = _settle_precision(run, folder, resume, world)
        loaded = [_in_precision(load_teacher(source, world.device), run) for source in teachers]
        folders = [_read(path, run, hooks, world, what="picture", at_least=2) for path in pictures]
        crops = CropSettings(size=run.size, smallest=run.smallest)
        sources = [Crops(f, crops, seed=run.seed, stream=_FIRST_STREAM + n) for n, f in enumerate(folders)]
        torch.manual_seed(run.seed)
        student = _starting_student(start, config).to(world.device)
        task = ExtractorTask(student, loaded, sources, config, world.device, recompute=run.recompute)
        settings = _settings(run, config, teachers=[Path(source).name for source in teachers])
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


def _default_preset(world: World) -> str:
    return "default" if world.device.type == "cuda" else "laptop"


def _prepare(folder: Path, resume: bool, world: World) -> Path:
    """Make the run's folder and see that it can be written to and holds no other run."""
    if checkpoints.latest(folder) is not None and not resume:
        raise TrainingError(
            f"{folder} already holds a run ({checkpoints.latest(folder)}). Give --resume to go on with it, or "
            "another folder."
        )
    if resume and checkpoints.latest(folder) is None:
        raise TrainingError(f"There is no checkpoint in {folder} to resume from; start without --resume.")
    if world.leads:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "log.jsonl").open("a", encoding="utf-8"):
                pass
        except OSError as error:
            raise OutputError(
                f"The run's folder {folder} cannot be written to: {(error.strerror or str(error)).lower()}. "
                "Choose another."
            ) from error
    return folder


def _settle_precision(run: RunConfig, folder: Path, resume: bool, world: World) -> RunConfig:
    """Decide what ``auto`` means; a resumed run keeps what was decided."""
    newest = checkpoints.latest(folder) if resume else None
    if run.precision == "auto" and newest is not None:
        return dataclasses.replace(run, precision=checkpoints.read(newest).config.get("precision", "float32"))
    precision = resolve(run.precision, world.device)
    # Processes that measured differently must not differ.
    fast = not world.agree(precision == "float32")
    return dataclasses.replace(run, precision=precision if world.size == 1 else "bfloat16" if fast else "float32")


def _in_precision(network: Network, run: RunConfig) -> Network:
    """Return a frozen network in the run's precision; its weights would else be cast anew in every step.

    A copy: the encoder, of which a decoder reads statistics, keeps its own.
    """
    return copy.deepcopy(network).to(torch.bfloat16) if run.precision == "bfloat16" else network


def _on(extractor: str | VGG19Features, world: World) -> VGG19Features:
    if isinstance(extractor, VGG19Features):
        at_home = extractor.device == world.device
        return extractor if at_home else copy.deepcopy(extractor).to(world.device)
    return create_extractor(extractor, device=world.device)


def _embedded_decoder(encoder: VGG19Features) -> str:
    """Return the name of the decoder that few-shot training goes on from if none was given."""
    if encoder.name != LITE.encoder:
        raise OptionError("The preset few-shot goes on from a finished decoder; give one with --start.")
    return LITE.name


def _starting_decoder(
    start: str | Path | Decoder | None, encoder: VGG19Features, config: DecoderConfig, world: World, seed: int
) -> Decoder:
    if start is None:
        torch.manual_seed(seed)
        return Decoder(decoder_spec(encoder, config)).to(world.device)
    # A copy, since one that is given as an object is the caller's.
    decoder = copy.deepcopy(load_decoder(start, encoder=encoder.name, device=world.device))
    if decoder.taps != config.taps:
        raise OptionError(
            f"The decoder to start from reads {', '.join(decoder.taps)}, but the taps chosen are "
            f"{', '.join(config.taps)}; give --taps {','.join(decoder.taps)}."
        )
    spec = dataclasses.replace(decoder.spec, upsampling=cast(Upsampling, config.upsampling), passes=config.passes)
    copied = Decoder(spec).to(world.device)
    copied.load_state_dict(decoder.state_dict())
    return copied


def _starting_student(start: str | Path | VGG19Features | None, config: ExtractorConfig) -> Student:
    if start is None:
        return Student(student_widths(config.width), config.last)
    return Student.of(start if isinstance(start, VGG19Features) else create_extractor(start, device="cpu"))


def _read(
    path: str | Path, run: RunConfig, hooks: Hooks, world: World, *, what: str, at_least: int
) -> PictureFolder:
    return PictureFolder(
        path,
        short_edge=run.short_edge,
        cache_megabytes=run.cache_megabytes,
        at_least=at_least,
        what=what,
        on_progress=hooks.on_reading if world.leads else None,
    )


def _settings(run: RunConfig, config: Any, **more: Any) -> dict[str, Any]:
    """Return all settings as plain values; a resumed run must have the same."""
    plain = dataclasses.asdict(run) | dataclasses.asdict(config) | more
    # Where and how often things are kept changes nothing of what is learnt.
    for name in ("checkpoint_every", "keep", "sample_every", "log_every", "cache_megabytes"):
        plain.pop(name)
    return plain


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
            "losses": trainer.journal.averages,
        }
        files = task.export(trainer.folder, told)
    # torchrun ends the others when one fails, so none may leave, and fail in leaving, before all is written.
    trainer.world.agree(False)
    return Outcome(
        files=files,
        steps=trainer.done,
        finished=finished,
        seconds=trainer.seconds,
        losses=dict(trainer.journal.averages),
        folder=trainer.folder,
        leads=trainer.world.leads,
    )
