"""Train a decoder in one call: from folders of pictures to a file that `create_stylizer` takes."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from styletransfer.errors import OptionError
from styletransfer.features import create_extractor
from styletransfer.features.vgg import VGG19Features
from styletransfer.files import same_file
from styletransfer.methods.feedforward.decoder_files import FAST, LITE, BaseDecoder
from styletransfer.methods.feedforward.statistics import Statistics
from styletransfer.training.data.crops import Crops, CropSettings
from styletransfer.training.data.folder import PictureFolder, count_shared
from styletransfer.training.data.styles import StyleBank
from styletransfer.training.decoder.compression import compressed
from styletransfer.training.decoder.config import DecoderConfig
from styletransfer.training.decoder.network import starting_decoder
from styletransfer.training.decoder.task import DecoderTask
from styletransfer.training.engine.run import Hooks, Outcome, Run, file_names, name_of, started
from styletransfer.training.teachers import LossNetwork, Teacher, load_teacher

#: Pairs of a content and a style that tell what matters in a decoder that is made cheap.
_SAMPLES = 32
#: Style steps below which a decoder cannot have learnt much.
_FEW = 1500


def train_decoder(
    content: str | Path,
    style: str | Path,
    output: str | Path,
    *,
    extractor: str | VGG19Features = LITE.encoder,
    preset: str | None = None,
    loss_networks: Sequence[str | Path] = (),
    start: str | Path | BaseDecoder | None = None,
    resume: bool = False,
    device: str | None = None,
    hooks: Hooks | None = None,
    **options: Any,
) -> Outcome:
    """Train AdaIN's decoder for an extractor (Huang and Belongie 2017, section 6).

    Args:
        content: Folder of photographs, searched recursively.
        style: Folder of paintings, prints, patterns.
        output: Folder of the run: log, samples, checkpoints; in the end ``decoder.safetensors`` with its card.
        extractor: Name of a weight set, file of a trained extractor, or an extractor.
        preset: A name in `DecoderConfig.presets`; by default ``"default"`` on CUDA and ``"laptop"`` elsewhere.
        loss_networks: Where losses are measured: names or files (`teachers`); by default the extractor.
        start: Decoder to continue from: a name, a file or an object; `few-shot` takes the extractor's own. With
            ``network="subpixel"`` a mirrored one is made cheap, and imitated in the first phase.
        resume: Continue from the newest checkpoint in `output`.
        device: Where to train; see `create_stylizer`.
        hooks: What is called on the way.
        **options: Fields of `RunConfig` and `DecoderConfig`.

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
        ...     steps=2, autoencoder_steps=1, batch_size=1, size=32,
        ... )
        >>> outcome.files[0].name
        'decoder.safetensors'
    """
    if isinstance(start, (str, Path)) and same_file(start, Path(output) / "decoder.safetensors"):
        raise OptionError(
            f'The decoder to start from, "{start}", would be overwritten; choose another output folder.'
        )
    with started(DecoderConfig, output, preset, options, resume=resume, device=device, hooks=hooks) as run:
        encoder = _encoder(extractor, run)
        if run.preset == "few-shot" and start is None:
            start = _embedded(encoder, run.own.network)
        decoder = starting_decoder(start, encoder, run.own, run.config.seed)
        teachers = [load_teacher(source, run.device) for source in loss_networks] or [Teacher(encoder)]
        photos, paintings = run.pictures(content, "content", 2), run.pictures(style, "style", 1)
        config, seed = run.config, run.config.seed
        network = run.in_precision(LossNetwork(teachers))
        covariance = decoder.spec.alignment == "covariance"
        settings = CropSettings(size=config.size, smallest=config.smallest, widest=run.own.widest)
        crops = Crops(photos, settings, seed=seed)
        styles = StyleBank(
            paintings, encoder, run.own.layers, network, seed=seed, views=run.own.views, covariance=covariance
        )
        imitated = None
        if decoder.spec.kind != run.own.network:
            imitated = decoder
            decoder = compressed(imitated, _samples(encoder, crops, styles), passes=run.own.passes, seed=seed)
        _warn(run, photos, paintings, new=start is None or imitated is not None)
        task = DecoderTask(
            encoder,
            network,
            crops,
            styles,
            run.own,
            decoder,
            imitated=imitated,
            gradient_checkpointing=config.gradient_checkpointing,
        )
        described = {
            "extractor": encoder.name,
            "loss_networks": file_names(loss_networks),
            "imitated": None if imitated is None else imitated.spec.name,
            "content": photos.fingerprint(),
            "style": paintings.fingerprint(),
        }
        notes = {
            "content": f"{len(photos)} pictures",
            "style": f"{len(paintings)} pictures",
            "started_from": name_of(start),
            "teachers": ", ".join(file_names(loss_networks)) or encoder.name,
        }
        return run.train(task, described, notes)


def _encoder(extractor: str | VGG19Features, run: Run[DecoderConfig]) -> VGG19Features:
    """Return an extractor on this process's device; a copy where it has to be moved."""
    if isinstance(extractor, VGG19Features):
        there = extractor.device == run.device
        return extractor if there else copy.deepcopy(extractor).to(run.device)
    return create_extractor(extractor, device=run.device)


def _samples(
    encoder: VGG19Features, crops: Crops, styles: StyleBank
) -> Iterator[tuple[Mapping[str, Tensor], Statistics]]:
    """Yield features of contents and the statistics of styles, as in training."""
    for slot in (range(n, n + 1) for n in range(_SAMPLES)):
        contents = crops.batch(0, slot).pictures.to(encoder.device)
        yield encoder(contents, styles.layers), dict(styles.draw(0, slot).encoded)


def _embedded(encoder: VGG19Features, network: str) -> str:
    """Return the name of the decoder that few-shot training continues from if none was given."""
    for spec in (LITE, FAST):
        if (encoder.name, network) == (spec.encoder, spec.kind):
            return spec.name
    raise OptionError("The preset few-shot continues from a finished decoder; give one with --start.")


def _warn(run: Run[DecoderConfig], photos: PictureFolder, paintings: PictureFolder, *, new: bool) -> None:
    """Warn of folders that share pictures, and of a run that is too short for a decoder of use."""
    shared = count_shared(photos, paintings)
    if shared:
        run.warnings.append(
            f"{shared} picture(s) are in both the content and the style folder; photographs make poor styles. "
            "Was the same folder given twice?"
        )
    style = run.config.steps - run.own.autoencoder_steps
    if new and style < _FEW:
        run.warnings.append(
            f"{style} style steps are far too few for a decoder of use: results stay grey and coarse below about "
            f"{_FEW}, and improve for tens of thousands. Continuing from a decoder (--start) needs fewer."
        )
