"""The decoder that a training begins with, and the file that comes of it."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch

from styletransfer.errors import OptionError
from styletransfer.features.vgg import VGG19Features
from styletransfer.layers import BY_TAP, LITE_WIDTHS
from styletransfer.methods.feedforward.decoder_files import (
    FAST,
    LITE,
    BaseDecoder,
    BaseSpec,
    DecoderSpec,
    SubpixelSpec,
    Upsampling,
    build_decoder,
    load_decoder,
    save_decoder,
)
from styletransfer.methods.feedforward.decoder_parts import Alignment
from styletransfer.training import cards
from styletransfer.training.decoder.config import DecoderConfig


def decoder_spec(extractor: VGG19Features, config: DecoderConfig) -> BaseSpec:
    """Return the network that decodes an extractor's layers.

    A sub-pixel network is `FAST`, whatever the extractor's widths. A mirrored one is `LITE`'s for four layers of
    `vgg19-lite-1`'s widths; else VGG-19 mirrored at the extractor's width, as Huang and Belongie do, with the
    shallower layers as skips.
    """
    channels = tuple(extractor.channels(layer) for layer in config.layers)
    depth = BY_TAP[config.layers[-1]].block
    if config.network == SubpixelSpec.kind:
        if config.layers != FAST.taps[:depth] or depth < 2:
            raise OptionError(
                f"A sub-pixel network reads two to four of the layers {', '.join(FAST.taps)}, from the first on, "
                f"got {', '.join(config.layers)}; give them with --layers, or take --network mirrored."
            )
        return dataclasses.replace(
            FAST,
            name=f"{extractor.name}-decoder",
            encoder=extractor.name,
            encoder_sha256=extractor.sha256,
            taps=config.layers,
            channels=channels,
            stages=FAST.stages[1 - depth :],
            blocks=FAST.blocks[1 - depth :],
            ranks=FAST.ranks[-sum(map(len, FAST.stages[1 - depth :])) - 2 * sum(FAST.blocks[1 - depth :]) :],
            passes=config.passes or FAST.passes,
            alignment=_alignment(config, "covariance"),
        )
    if extractor.widths == LITE_WIDTHS and config.layers == LITE.taps:
        return dataclasses.replace(
            LITE,
            name=f"{extractor.name}-decoder",
            encoder=extractor.name,
            encoder_sha256=extractor.sha256,
            upsampling=cast(Upsampling, config.upsampling),
            passes=config.passes or LITE.passes,
            alignment=_alignment(config, "covariance"),
        )
    return DecoderSpec(
        name=f"{extractor.name}-decoder",
        encoder=extractor.name,
        encoder_sha256=extractor.sha256,
        taps=config.layers,
        channels=channels,
        stages=tuple(_mirrored(block, extractor.widths) for block in range(depth, 0, -1)),
        upsampling=cast(Upsampling, config.upsampling),
        passes=config.passes or LITE.passes,
        alignment=_alignment(config, "covariance"),
    )


def _alignment(config: DecoderConfig, otherwise: Alignment) -> Alignment:
    return otherwise if config.alignment == "auto" else cast(Alignment, config.alignment)


def _mirrored(block: int, widths: Sequence[int]) -> tuple[int, ...]:
    """Return the output channels of one resolution: four convolutions for block 3, one or two for the others."""
    if block == 1:
        return (widths[0], 3)
    below = widths[block - 2]
    return {2: (widths[1], below), 3: (widths[2],) * 3 + (below,)}.get(block, (below,))


def starting_decoder(
    start: str | Path | BaseDecoder | None, encoder: VGG19Features, config: DecoderConfig, seed: int
) -> BaseDecoder:
    """Return the decoder that a training begins with: a new one, or a copy of `start`.

    Where a sub-pixel network is asked for, a mirrored `start` stays what it is: `compression` has the rest.

    Raises:
        OptionError: One that reads other layers, or a sub-pixel one where a mirrored one is asked for.
    """
    if start is None:
        torch.manual_seed(seed)
        return build_decoder(decoder_spec(encoder, config)).to(encoder.device)
    decoder = load_decoder(start, encoder=encoder, device=encoder.device)
    if decoder.taps != config.layers:
        raise OptionError(
            f"The decoder to start from reads {', '.join(decoder.taps)}, but the layers chosen are "
            f"{', '.join(config.layers)}; give --layers {','.join(decoder.taps)}."
        )
    if decoder.spec.kind == SubpixelSpec.kind != config.network:
        raise OptionError(
            f"The decoder to start from is of the network {decoder.spec.kind!r}, but the one chosen is "
            f"{config.network!r}; give --network {decoder.spec.kind}."
        )
    spec = dataclasses.replace(
        decoder.spec,
        encoder_sha256=encoder.sha256,
        passes=config.passes or decoder.spec.passes,
        alignment=_alignment(config, decoder.spec.alignment),
    )
    if isinstance(spec, DecoderSpec) and spec.kind == config.network:
        spec = dataclasses.replace(spec, upsampling=cast(Upsampling, config.upsampling))
    copied = build_decoder(spec).to(encoder.device)  # a decoder that was given as an object is the caller's
    copied.load_state_dict(copy.deepcopy(decoder.state_dict()))
    return copied


def export_decoder(decoder: BaseDecoder, folder: Path, notes: Mapping[str, Any]) -> list[Path]:
    """Write ``decoder.safetensors`` (fp16) and its model card."""
    half = build_decoder(decoder.spec)
    half.load_state_dict(decoder.state_dict())
    path = save_decoder(half.half(), folder / "decoder.safetensors", notes)
    spec = half.spec
    what = (
        f"A decoder of AdaIN for the extractor `{spec.encoder}`. Reads {', '.join(spec.taps)}, aligned with the "
        f"style ({spec.alignment}); {spec.passes} pass(es); {spec.described}."
    )
    return [path, cards.write(folder / "decoder.md", f"decoder for {spec.encoder}", what, notes)]
