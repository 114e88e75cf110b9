"""AdaIN's decoders by name and by file.

A decoder inverts one extractor and means nothing without it, so its file names that extractor, has the hash of its
numbers, and `load_decoder` refuses any other.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from styletransfer._checks import choice
from styletransfer.errors import OptionError, WeightsError
from styletransfer.features.vgg import VGG19Features, pick_device
from styletransfer.files import write_atomically
from styletransfer.methods.feedforward.decoder import (
    LITE,
    PYTORCH_ADAIN,
    Decoder,
    DecoderSpec,
    Upsampling,
)
from styletransfer.methods.feedforward.decoder_parts import BaseDecoder, BaseSpec, ResidualBlock
from styletransfer.methods.feedforward.subpixel import FAST, SubpixelDecoder, SubpixelSpec
from styletransfer.weights import catalogue, store
from styletransfer.weights.formats import read_spec, resemblance
from styletransfer.weights.tensor_files import open_tensors

__all__ = [
    "FAST",
    "FORMAT",
    "LITE",
    "PYTORCH_ADAIN",
    "BaseDecoder",
    "BaseSpec",
    "Decoder",
    "DecoderSpec",
    "ResidualBlock",
    "SubpixelDecoder",
    "SubpixelSpec",
    "Upsampling",
    "build_decoder",
    "load_decoder",
    "pytorch_adain_names",
    "save_decoder",
]

#: What the metadata of a decoder's file says under ``"format"``.
FORMAT = "styletransfer-decoder-1"
_SPECS: Mapping[str, type[BaseSpec]] = {spec.kind: spec for spec in (DecoderSpec, SubpixelSpec)}


def save_decoder(
    decoder: BaseDecoder, path: str | os.PathLike[str], notes: Mapping[str, Any] | None = None
) -> Path:
    """Write a decoder as safetensors, with its spec in the file's metadata.

    Args:
        decoder: The decoder; its dtype is kept, so ``decoder.half()`` makes a file of half the size.
        path: Where to; an existing file is replaced in one step.
        notes: How it was trained, added to the notes of its spec.

    Raises:
        OutputError: A file that cannot be written.
    """
    spec = dataclasses.asdict(decoder.spec) | {"kind": decoder.spec.kind}
    spec["notes"] = {**decoder.spec.notes, **(notes or {})}
    tensors = {name: x.detach().cpu().contiguous() for name, x in decoder.state_dict().items()}
    stored = save(tensors, metadata={"format": FORMAT, "spec": json.dumps(spec)})
    return write_atomically(Path(path), lambda file: file.write(stored))


def load_decoder(
    source: str | os.PathLike[str] | BaseDecoder,
    *,
    encoder: str | VGG19Features,
    device: str | torch.device | None = None,
) -> BaseDecoder:
    """Return a decoder for the features of `encoder`, ready for use.

    Args:
        source: A name (``"lite"``, ``"pytorch-adain"``), a file that `save_decoder` wrote, a ``decoder.pth``
            in pytorch-AdaIN's layout, or a decoder. One given as an object is returned as it is, or copied
            where it is on another device.
        encoder: The extractor that it will be used with; of a name, no hash can be compared.
        device: Where to put it; by default CUDA, else MPS, else the CPU.

    Returns:
        The decoder, frozen if it was loaded.

    Raises:
        OptionError: Unknown name or device.
        WeightsError: A decoder for another encoder, or for another one of the same name; or a file that is
            missing, damaged or no decoder.
    """
    target = pick_device(device)
    if isinstance(source, BaseDecoder):
        _check_encoder(source.spec, encoder)
        at_home = next(source.parameters()).device == target
        return source if at_home else copy.deepcopy(source).to(target)
    if not isinstance(source, (str, os.PathLike)):
        raise OptionError(f"decoder must be a name, a file's path or a Decoder, got {source!r}.")
    path = _path_of(source, encoder if isinstance(encoder, str) else encoder.name)
    decoder = _read(path)
    _check_encoder(decoder.spec, encoder)
    return decoder.requires_grad_(False).eval().to(target)


def _path_of(source: str | os.PathLike[str], encoder: str) -> str | os.PathLike[str]:
    """Find the file of a name or path; a name's encoder is checked before anything is fetched."""
    names = catalogue.names("decoder")
    if source in names:
        catalogue.default_decoder(encoder)
        _refuse(str(source), str(catalogue.find(str(source)).encoder), encoder)
        return store.fetch(str(source))
    path = Path(source)
    if isinstance(source, str) and not path.suffix and path.name == source and not os.path.exists(path):  # noqa: PTH110
        choice(source, names, "decoder")
    return source


def _check_encoder(spec: BaseSpec, encoder: str | VGG19Features) -> None:
    _refuse(spec.name, spec.encoder, encoder if isinstance(encoder, str) else encoder.name)
    wanted, got = spec.encoder_sha256, None if isinstance(encoder, str) else encoder.sha256
    if wanted is not None and got is not None and wanted != got:
        raise WeightsError(
            f"The decoder {spec.name!r} was trained for an earlier or other extractor of the name "
            f"{spec.encoder!r}: that one's SHA-256 begins with {wanted[:8]}, this one's with {got[:8]}. Use the "
            "extractor that it was trained for, or another decoder."
        )


def _refuse(name: str, wanted: str, got: str) -> None:
    if wanted != got:
        raise WeightsError(
            f"The decoder {name!r} was trained for the extractor {wanted!r} and cannot decode features of "
            f"{got!r}. Use extractor={wanted!r}, or a decoder for {got!r}."
        )


def build_decoder(spec: BaseSpec) -> BaseDecoder:
    """Return the network of a spec, with random weights."""
    if isinstance(spec, SubpixelSpec):
        return SubpixelDecoder(spec)
    if isinstance(spec, DecoderSpec):
        return Decoder(spec)
    raise OptionError(f"No decoder is built from {type(spec).__name__}.")


def _read(path: str | os.PathLike[str]) -> BaseDecoder:
    """Read either format of a decoder's file; what it describes is bounded, and compared with what it holds."""
    file = open_tensors(path)
    spec: BaseSpec = PYTORCH_ADAIN
    names = pytorch_adain_names()
    if file.metadata.get("format") == FORMAT:
        spec, names = _parse_spec(file.metadata, path), {}
    elif not set(names.values()) <= set(file.shapes) or "0.weight" in file.shapes:
        raise WeightsError(
            f"{path} is not a decoder: neither a file of this package nor pytorch-AdaIN's decoder.pth."
            f"{resemblance(file.shapes)}"
        )
    with torch.inference_mode(False):
        with torch.device("meta"):  # without storage: the file's tensors take their places
            decoder = build_decoder(spec)
        wanted = {names.get(ours, ours): tuple(own.shape) for ours, own in decoder.state_dict().items()}
        stored = file.read(wanted, spec.name)
        decoder.load_state_dict(
            {ours: stored[names.get(ours, ours)] for ours in decoder.state_dict()}, assign=True
        )
        return decoder.to(memory_format=torch.channels_last)


def _parse_spec(metadata: Mapping[str, str], path: str | os.PathLike[str]) -> BaseSpec:
    """Return the description in a file's metadata; its class bounds every number of it."""
    try:
        fields = read_spec(metadata)
        # Files without a hash were written when what is called vgg19-lite-1 now had that name.
        if fields.get("encoder_sha256") is None and fields.get("encoder") == "vgg19-lite":
            fields["encoder"] = LITE.encoder
        # Files without a kind were written when there was one.
        described = _SPECS[choice(fields.pop("kind", DecoderSpec.kind), _SPECS, "kind of decoder")]
        for name in ("taps", "channels", "blocks", "ranks"):
            if name in fields:
                fields[name] = tuple(fields[name])
        if "stages" in fields:
            fields["stages"] = tuple(tuple(stage) for stage in fields["stages"])
        return described(**fields)
    except (ValueError, TypeError, KeyError) as error:
        raise WeightsError(
            f"{path}: the description of the decoder in its metadata is damaged: {error}"
        ) from error


def pytorch_adain_names() -> dict[str, str]:
    """Return the name in ``decoder.pth`` of each tensor of `PYTORCH_ADAIN`.

    The file numbers the modules of an `nn.Sequential`: padding, convolution and ReLU for each convolution,
    and an upsampling between stages.
    """
    names, index = {}, 0
    for number, stage in enumerate(PYTORCH_ADAIN.stages):
        index += number > 0  # upsampling
        for position in range(len(stage)):
            for part in ("weight", "bias"):
                names[f"stages.{number}.{position}.{part}"] = f"{index + 1}.{part}"
            index += 3  # padding, convolution, ReLU
    return names
