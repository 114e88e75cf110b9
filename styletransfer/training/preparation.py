"""What a training needs before its first step: its folder, precision, networks and pictures."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import nn

from styletransfer.errors import OptionError, OutputError, TrainingError
from styletransfer.features import create_extractor
from styletransfer.features.vgg import VGG19Features
from styletransfer.methods.feedforward.decoder_files import LITE, Decoder, Upsampling, load_decoder
from styletransfer.training import checkpoint as checkpoints
from styletransfer.training.config import DecoderConfig, ExtractorConfig, RunConfig
from styletransfer.training.decoder import decoder_spec
from styletransfer.training.distributed import World
from styletransfer.training.folder import PictureFolder
from styletransfer.training.precision import resolve
from styletransfer.training.student import Student, student_widths

Network = TypeVar("Network", bound=nn.Module)


def default_preset(world: World) -> str:
    """Return the preset of a run that names none."""
    return "default" if world.device.type == "cuda" else "laptop"


def prepare_folder(folder: Path, resume: bool, world: World) -> Path:
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


def settle_precision(run: RunConfig, folder: Path, resume: bool, world: World) -> RunConfig:
    """Decide what ``auto`` means; a resumed run keeps what was decided."""
    newest = checkpoints.latest(folder) if resume else None
    if run.precision == "auto" and newest is not None:
        return dataclasses.replace(run, precision=checkpoints.read(newest).config.get("precision", "float32"))
    precision = resolve(run.precision, world.device)
    # Processes that measured differently must not differ.
    fast = not world.agree(precision == "float32")
    return dataclasses.replace(run, precision=precision if world.size == 1 else "bfloat16" if fast else "float32")


def in_precision(network: Network, run: RunConfig) -> Network:
    """Return a frozen network in the run's precision; its weights would else be cast anew in every step.

    A copy: the encoder, of which a decoder reads statistics, keeps its own.
    """
    return copy.deepcopy(network).to(torch.bfloat16) if run.precision == "bfloat16" else network


def at_home(extractor: str | VGG19Features, world: World) -> VGG19Features:
    """Return an extractor on this process's device; a copy where it has to be moved."""
    if isinstance(extractor, VGG19Features):
        there = extractor.device == world.device
        return extractor if there else copy.deepcopy(extractor).to(world.device)
    return create_extractor(extractor, device=world.device)


def embedded_decoder(encoder: VGG19Features) -> str:
    """Return the name of the decoder that few-shot training goes on from if none was given."""
    if encoder.name != LITE.encoder:
        raise OptionError("The preset few-shot goes on from a finished decoder; give one with --start.")
    return LITE.name


def starting_decoder(
    start: str | Path | Decoder | None, encoder: VGG19Features, config: DecoderConfig, world: World, seed: int
) -> Decoder:
    """Return the decoder that a training begins with: a new one, or a copy of one that is gone on from.

    Raises:
        OptionError: One that reads other taps.
    """
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


def starting_student(start: str | Path | VGG19Features | None, config: ExtractorConfig) -> Student:
    """Return the extractor that a distillation begins with: a new one, or a copy of one that is gone on from."""
    if start is None:
        return Student(student_widths(config.width), config.last)
    return Student.of(start if isinstance(start, VGG19Features) else create_extractor(start, device="cpu"))


def read_pictures(
    path: str | Path,
    run: RunConfig,
    world: World,
    on_reading: Callable[[int, int], None] | None,
    *,
    what: str,
    at_least: int,
) -> PictureFolder:
    """Return a folder's pictures as a training reads them."""
    return PictureFolder(
        path,
        short_edge=run.short_edge,
        cache_megabytes=run.cache_megabytes,
        at_least=at_least,
        what=what,
        on_progress=on_reading if world.leads else None,
    )


def plain_settings(run: RunConfig, config: Any, **more: Any) -> dict[str, Any]:
    """Return all settings as plain values; a resumed run must have the same."""
    plain = dataclasses.asdict(run) | dataclasses.asdict(config) | more
    # Where and how often things are kept changes nothing of what is learnt.
    for name in ("checkpoint_every", "keep", "sample_every", "log_every", "cache_megabytes"):
        plain.pop(name)
    return plain
