"""Distil an extractor in one call: from folders of pictures to a file that `create_extractor` takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from styletransfer.errors import OptionError
from styletransfer.features import create_extractor
from styletransfer.features.vgg import VGG19Features
from styletransfer.training.data.crops import Crops, CropSettings
from styletransfer.training.engine.run import Hooks, Outcome, file_names, name_of, started
from styletransfer.training.extractor.config import ExtractorConfig
from styletransfer.training.extractor.fit import check_options, run_fit
from styletransfer.training.extractor.student import Student, student_widths
from styletransfer.training.extractor.task import ExtractorTask
from styletransfer.training.teachers import load_teacher

#: Streams of the crops; those below belong to a decoder's contents, styles and their views.
_FIRST_STREAM = 10


def train_extractor(
    pictures: Sequence[str | Path],
    output: str | Path,
    *,
    teachers: Sequence[str | Path],
    preset: str | None = None,
    start: str | Path | VGG19Features | None = None,
    resume: bool = False,
    device: str | None = None,
    hooks: Hooks | None = None,
    **options: Any,
) -> Outcome:
    """Distil an extractor of any width from wider ones, or fit one of low rank to a full VGG-19 (`operations`).

    Args:
        pictures: Folders of pictures, searched recursively; a step takes a batch of each.
        output: Folder of the run, with ``extractor.safetensors`` and its card in the end.
        teachers: Names of weight sets, or files (`teachers`); each layer is learnt from the first that has it.
        preset: A name in `ExtractorConfig.presets`; by default ``"default"`` on CUDA and ``"laptop"`` elsewhere.
        start: Extractor to continue from: a name, a file or an object; its widths count then.
        resume: Continue from the newest checkpoint in `output`.
        device: Where to train; see `create_stylizer`.
        hooks: What is called on the way.
        **options: Fields of `RunConfig` and `ExtractorConfig`.

    Raises:
        StyleTransferError: As `train_decoder`.
    """
    if not pictures or not teachers:
        raise OptionError("A distillation needs at least one folder of pictures and one teacher.")
    fitted = options.get("operations") is not None
    if fitted:
        check_options(options, start, resume)
        if len(teachers) > 1:
            raise OptionError(f"With operations there is one teacher, got {len(teachers)}.")
        options["precision"] = "float32"
    with started(ExtractorConfig, output, preset, options, resume=resume, device=device, hooks=hooks) as run:
        config = run.config
        loaded = [run.in_precision(load_teacher(source, run.device)) for source in teachers]
        folders = [run.pictures(path, "picture", 2) for path in pictures]
        crops = CropSettings(size=config.size, smallest=config.smallest)
        sources = [Crops(f, crops, seed=config.seed, stream=_FIRST_STREAM + n) for n, f in enumerate(folders)]
        notes = {
            "pictures": ", ".join(f"{len(folder)} pictures" for folder in folders),
            "teachers": ", ".join(file_names(teachers)),
            "started_from": name_of(start),
        }
        if fitted:
            return run_fit(run, loaded[0].network, sources, notes)
        torch.manual_seed(config.seed)
        student = _starting_student(start, run.own).to(run.device)
        task = ExtractorTask(
            student, loaded, sources, run.own, run.device, gradient_checkpointing=config.gradient_checkpointing
        )
        settings = {
            "teachers": file_names(teachers),
            "pictures": [folder.fingerprint() for folder in folders],
            "width": student.widths,
            "last": student.last,
        }
        return run.train(task, settings, notes)


def _starting_student(start: str | Path | VGG19Features | None, config: ExtractorConfig) -> Student:
    """Return the extractor that a distillation begins with: a new one, or a copy of `start`."""
    if start is None:
        return Student(student_widths(config.width), config.last)
    return Student.of(start if isinstance(start, VGG19Features) else create_extractor(start, device="cpu"))
