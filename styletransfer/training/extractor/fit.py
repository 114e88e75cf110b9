"""A fit of low rank in one call: crops in, ``extractor.safetensors`` and its card out. No gradient, no steps."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from styletransfer import memory
from styletransfer.errors import OptionError, TrainingError
from styletransfer.features.vgg import VGG19Features
from styletransfer.files import write_atomically
from styletransfer.training import cards
from styletransfer.training.data.crops import Crops
from styletransfer.training.engine.journal import Journal
from styletransfer.training.engine.loop import Progress
from styletransfer.training.engine.run import Outcome, Run
from styletransfer.training.extractor.config import ExtractorConfig
from styletransfer.training.extractor.factorise import check_teacher, factorise, measure, unexplained
from styletransfer.training.extractor.ranks import choose_ranks, operations_of
from styletransfer.weights.formats import trained_metadata
from styletransfer.weights.tensor_files import in_8_bits

#: The options that a fit has; all others are those of gradient steps.
OPTIONS = frozenset(
    {"operations", "crops", "last", "size", "smallest", "short_edge", "cache_megabytes", "seed", "precision"}
)
#: Crops at a time; share of them that spectra are measured on; crops of each folder that the result is judged on.
_AT_A_TIME, _MEASURED, _JUDGED = 16, 1 / 3, 32
#: Every so many crops get noise of this deviation, and as many are mixed with another one: an optimised picture
#: is no photograph on its way.
_ODD, _NOISE = 6, 0.15


def check_options(options: Iterable[str], start: object, resume: bool) -> None:
    """Refuse what a fit cannot honour.

    Raises:
        OptionError: Options of gradient steps, an extractor to continue from, a run to resume.
    """
    idle = sorted(set(options) - OPTIONS)
    if idle:
        raise OptionError(
            f"With operations the extractor is fitted in closed form, without steps; {', '.join(idle)} would do "
            f"nothing. Leave out {'it' if len(idle) == 1 else 'them'}, or leave out operations."
        )
    if start is not None or resume:
        raise OptionError(
            "With operations the extractor is fitted in one go: there is nothing to start from or to resume. "
            "Leave out start and resume."
        )


def run_fit(
    run: Run[ExtractorConfig], teacher: VGG19Features, sources: Sequence[Crops], notes: Mapping[str, Any]
) -> Outcome:
    """Choose ranks, fit, judge, write.

    Raises:
        OptionError: A teacher that is no full VGG-19, or operations beyond its own.
        TrainingError: Several processes, or too little memory.
    """
    own, seed = run.own, run.config.seed
    check_teacher(teacher, own.last)
    if run.world.size > 1:
        raise OptionError("A fit by operations runs in one process; start it without torchrun.")
    _check_memory(run, teacher)
    began = time.perf_counter()
    journal = Journal(run.folder, {}, on_warning=run.hooks.on_warning)
    for text in run.warnings:
        journal.warn(text)
    teacher = teacher.variant(padding="reflect", pooling="max")
    count = max(1, own.crops // len(sources))
    parts = _parts(_disturbed(_crops(sources, range(count)), seed))
    spectra = measure(teacher, parts[: max(1, round(_MEASURED * len(parts)))], own.last, seed)
    ranks = choose_ranks(spectra, float(own.operations or 0))
    journal.note("start", kind="fit", operations=own.operations, ranks=ranks)
    losses: dict[str, float] = {}

    def told(conv: str, error: float) -> None:
        losses[conv.replace("conv", "relu")] = error
        seconds = time.perf_counter() - began
        journal.step(len(losses), {"layer": conv, "seconds": round(seconds, 1)}, {"unexplained": error})
        if run.hooks.on_step is not None:
            typical = {"unexplained": error}
            run.hooks.on_step(
                Progress(step=len(losses), steps=len(ranks), seconds=seconds, phase=conv, typical=typical)
            )

    student = factorise(teacher, parts, own.last, ranks, seed, told)
    judged = _parts(_crops(sources, range(count, count + _JUDGED)))
    told_notes = {
        **notes,
        "command": run.hooks.command,
        "hours": round((time.perf_counter() - began) / 3600, 3),
        "device": str(run.device),
        "operations": round(operations_of(student.widths, own.last, ranks), 1),
        "settings": {name: value for name, value in _settings(run).items() if name in OPTIONS},
        "unexplained": unexplained(student, teacher, judged),
    }
    files = export(student, run.folder, told_notes)
    seconds = time.perf_counter() - began
    journal.note("end", step=len(losses), seconds=round(seconds, 1), finished=True)
    journal.close()
    return Outcome(
        files=files, steps=len(losses), finished=True, seconds=seconds, losses=losses, folder=run.folder
    )


def export(student: VGG19Features, folder: Path, notes: Mapping[str, Any]) -> list[Path]:
    """Write ``extractor.safetensors`` (8 bits a weight), named after its operations and content, and its card."""
    stored: dict[str, Tensor] = {
        "color.weight": student.color_matrix.cpu().contiguous(),
        "color.bias": student.color_bias.cpu(),
    }
    for name, value in student.convs.state_dict().items():
        if name.endswith("bias"):
            stored[name] = value.cpu()
        else:
            steps, scale = in_8_bits(value.cpu())
            stored |= {name: steps.contiguous(), f"{name}.scale": scale}
    digest = hashlib.sha256(b"".join(x.numpy().tobytes() for x in stored.values())).hexdigest()[:8]
    last = student.available[-2]
    name = f"vgg19-low-rank-{notes['operations']:.0f}k-{digest}"
    whole = save(stored, metadata=trained_metadata(name, student.widths, last, notes, student.ranks))
    path = write_atomically(folder / "extractor.safetensors", lambda file: file.write(whole))
    what = (
        f"VGG-19 to {last} at its own width, every 3x3 convolution as 1x1, 3x3 and 1x1 of low rank: "
        f"{notes['operations']:g} thousand multiply-adds a pixel, 8 bits a weight. RGB in [0, 1] in; the "
        "teacher's colours and scale of features; reflection padding, max pooling."
    )
    card = {**notes, "ranks": {conv: f"{first}, {second}" for conv, (first, second) in student.ranks.items()}}
    return [path, cards.write(folder / "extractor.md", name, what, card)]


def _settings(run: Run[ExtractorConfig]) -> dict[str, Any]:
    return {**vars(run.config), **vars(run.own)}


def _crops(sources: Sequence[Crops], slots: range) -> Tensor:
    """Return the same number of crops of every folder in turn, (N, 3, size, size)."""
    return torch.stack([source.batch(0, slots).pictures for source in sources], dim=1).flatten(0, 1)


def _parts(pictures: Tensor) -> list[Tensor]:
    return [pictures[n : n + _AT_A_TIME] for n in range(0, len(pictures), _AT_A_TIME)]


def _disturbed(pictures: Tensor, seed: int) -> Tensor:
    """Add noise to every sixth picture, and mix every sixth with another one."""
    draw = torch.Generator().manual_seed(seed)
    noisy, mixed = pictures[::_ODD], pictures[_ODD // 2 :: _ODD]
    other = pictures.roll(len(pictures) // 2 + 1, 0)[_ODD // 2 :: _ODD].clone()
    mixed.lerp_(other, 0.5)
    noisy.add_(_NOISE * torch.randn(noisy.shape, generator=draw)).clamp_(0, 1)
    return pictures


def _check_memory(run: Run[ExtractorConfig], teacher: VGG19Features) -> None:
    """Refuse a fit whose two activations of all crops, beside its sums, do not fit into memory."""
    need = 8 * run.own.crops * run.config.size**2 * teacher.widths[0] + 1.5e9
    free = memory.available(run.device)
    if free is not None and need > free:
        raise TrainingError(
            f"Not enough memory on {run.device}: the fit needs about {need / 1e9:.1f} GB, {free / 1e9:.1f} GB are "
            "free. Take fewer crops (--crops), or smaller ones (--size)."
        )
