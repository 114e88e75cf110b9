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
    LITE,
    Decoder,
    DecoderSpec,
    Upsampling,
    load_decoder,
    save_decoder,
)
from styletransfer.training import cards
from styletransfer.training.decoder.config import DecoderConfig


def decoder_spec(extractor: VGG19Features, config: DecoderConfig) -> DecoderSpec:
    """Return the network that decodes an extractor's layers.

    For four layers of `vgg19-lite-1`'s widths it is `LITE`'s; else VGG-19 mirrored at the extractor's width, as
    Huang and Belongie do, with the shallower layers as skips.
    """
    channels = tuple(extractor.channels(layer) for layer in config.layers)
    depth = BY_TAP[config.layers[-1]].block
    if extractor.widths == LITE_WIDTHS and config.layers == LITE.taps:
        return dataclasses.replace(
            LITE,
            name=f"{extractor.name}-decoder",
            encoder=extractor.name,
            encoder_sha256=extractor.sha256,
            upsampling=cast(Upsampling, config.upsampling),
            passes=config.passes,
        )
    return DecoderSpec(
        name=f"{extractor.name}-decoder",
        encoder=extractor.name,
        encoder_sha256=extractor.sha256,
        taps=config.layers,
        channels=channels,
        stages=tuple(_mirrored(block, extractor.widths) for block in range(depth, 0, -1)),
        upsampling=cast(Upsampling, config.upsampling),
        passes=config.passes,
    )


def _mirrored(block: int, widths: Sequence[int]) -> tuple[int, ...]:
    """Return the output channels of one resolution: four convolutions for block 3, one or two for the others."""
    if block == 1:
        return (widths[0], 3)
    below = widths[block - 2]
    return {2: (widths[1], below), 3: (widths[2],) * 3 + (below,)}.get(block, (below,))


def starting_decoder(
    start: str | Path | Decoder | None, encoder: VGG19Features, config: DecoderConfig, seed: int
) -> Decoder:
    """Return the decoder that a training begins with: a new one, or a copy of `start`.

    Raises:
        OptionError: One that reads other layers.
    """
    if start is None:
        torch.manual_seed(seed)
        return Decoder(decoder_spec(encoder, config)).to(encoder.device)
    decoder = load_decoder(start, encoder=encoder, device=encoder.device)
    if decoder.taps != config.layers:
        raise OptionError(
            f"The decoder to start from reads {', '.join(decoder.taps)}, but the layers chosen are "
            f"{', '.join(config.layers)}; give --layers {','.join(decoder.taps)}."
        )
    spec = dataclasses.replace(
        decoder.spec,
        encoder_sha256=encoder.sha256,
        upsampling=cast(Upsampling, config.upsampling),
        passes=config.passes,
    )
    copied = Decoder(spec).to(encoder.device)  # a decoder that was given as an object is the caller's
    copied.load_state_dict(copy.deepcopy(decoder.state_dict()))
    return copied


def export_decoder(decoder: Decoder, passes: int, folder: Path, notes: Mapping[str, Any]) -> list[Path]:
    """Write ``decoder.safetensors`` (fp16) and its model card."""
    half = Decoder(dataclasses.replace(decoder.spec, passes=passes))
    half.load_state_dict(decoder.state_dict())
    path = save_decoder(half.half(), folder / "decoder.safetensors", notes)
    spec = half.spec
    what = (
        f"A decoder of AdaIN for the extractor `{spec.encoder}`. Reads {', '.join(spec.taps)}, aligned with the "
        f"style; {spec.passes} pass(es); {spec.upsampling} upsampling, {spec.padding} padding."
    )
    return [path, cards.write(folder / "decoder.md", f"decoder for {spec.encoder}", what, notes)]
