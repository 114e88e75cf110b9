"""The catalogue of weight sets, with their provenance, and what the command line does with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from styletransfer._checks import choice
from styletransfer.errors import WeightsError
from styletransfer.weights import store
from styletransfer.weights.store import Progress, WeightFile
from styletransfer.weights.torchvision_file import check_reduced, fetch_reduced

_VGG = "Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015"
_ADAIN = "Huang and Belongie, Arbitrary Style Transfer in Real-time with AdaIN, ICCV 2017"
_GATYS = "Gatys et al., Image Style Transfer Using Convolutional Neural Networks, CVPR 2016"
_RELEASE = "https://github.com/naoto0804/pytorch-AdaIN/releases/download/v0.0.0"

#: The extractor that is used if none is named.
DEFAULT_EXTRACTOR = "vgg19-lite"

#: Every weight set by name.
CATALOGUE: Mapping[str, WeightFile] = {
    file.name: file
    for file in (
        WeightFile(
            name="vgg19-lite",
            kind="extractor",
            network="VGG-19's topology at a quarter of its width (16, 32, 64, 128, 128), to relu5_1",
            file_name="vgg19-lite.safetensors",
            licence="MIT",
            citation="the styletransfer project; see the model card beside the file",
            trained_on="photographs and paintings, distilled from wider networks; see the model card",
            preprocessing="RGB, ImageNet mean and standard deviation, as a stored 1x1 colour map",
        ),
        WeightFile(
            name="vgg19",
            kind="extractor",
            network="VGG-19, torchvision's VGG19_Weights.IMAGENET1K_V1; only the convolutions are kept",
            file_name="vgg19-dcbb9e9d.pth",
            url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
            size=574_673_361,
            sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
            stored_as="vgg19.safetensors",
            licence="BSD-3-Clause (torchvision); terms of the training data, ImageNet, may apply",
            citation=_VGG,
            trained_on="ImageNet-1k, from scratch, by torchvision",
            preprocessing="RGB, mean 0.485 0.456 0.406, standard deviation 0.229 0.224 0.225",
        ),
        WeightFile(
            name="vgg19-normalised",
            kind="extractor",
            network="VGG-19 scaled to unit mean activations, to relu5_4, from pytorch-AdaIN",
            file_name="vgg_normalised.pth",
            url=f"{_RELEASE}/vgg_normalised.pth",
            size=80_102_481,
            sha256="804ca2835ecf7539f0cd2a7ac3c18ce81e6f8468969ae7117ac0c148d286bb4a",
            licence="MIT (pytorch-AdaIN); the underlying Oxford weights CC BY 4.0",
            citation=f"{_VGG}; {_GATYS}",
            trained_on="ImageNet-1k, by the Visual Geometry Group, Oxford",
            preprocessing="RGB in [0, 1]; the file's own 1x1 convolution does the rest",
        ),
        WeightFile(
            name="lite",
            kind="decoder",
            network="AdaIN decoder with aligned skips",
            file_name="decoder-lite.safetensors",
            encoder="vgg19-lite",
            licence="MIT",
            citation="the styletransfer project; see the model card beside the file",
            trained_on="photographs and paintings; see the model card",
            preprocessing="aligned features of vgg19-lite",
        ),
        WeightFile(
            name="pytorch-adain",
            kind="decoder",
            network="AdaIN decoder of the paper, from relu4_1 alone",
            file_name="decoder.pth",
            url=f"{_RELEASE}/decoder.pth",
            about=14_020_876,  # 4 bytes a number
            sha256="379ca41d59f3a37eed3599bbbc2560c19da5c458870a5ffd3a9dd41aa88f9472",
            encoder="vgg19-normalised",
            licence="MIT (pytorch-AdaIN)",
            citation=_ADAIN,
            trained_on="MS-COCO photographs and WikiArt paintings, by pytorch-AdaIN",
            preprocessing="aligned features of vgg19-normalised",
        ),
    )
}

State = Literal["embedded", "cached", "absent"]


@dataclass(frozen=True)
class WeightStatus:
    """One line of `list_weights`.

    Attributes:
        name: Name of the weight set.
        kind: ``"extractor"`` or ``"decoder"``.
        state: ``"embedded"``, ``"cached"`` or ``"absent"``.
        path: Where it is, or would be.
        size: Bytes on the disk, or of the download if absent; None where nobody knows.
        licence: Terms of use.
        sha256: Of the file as published; None if no one is on record.
    """

    name: str
    kind: Literal["extractor", "decoder"]
    state: State
    path: Path
    size: int | None
    licence: str
    sha256: str | None


def find(name: str, kind: str | None = None) -> WeightFile:
    """Return the catalogue's value of that name.

    Raises:
        OptionError: No weight set (of that kind) has this name.
    """
    names = [file.name for file in CATALOGUE.values() if kind in (None, file.kind)]
    return CATALOGUE[choice(name, names, kind or "weight set")]


def default_decoder(encoder: str) -> str:
    """Return the name of the decoder for an extractor.

    Raises:
        WeightsError: There is none.
    """
    for file in CATALOGUE.values():
        if file.encoder == encoder:
            return file.name
    others = " or ".join(repr(file.encoder) for file in CATALOGUE.values() if file.encoder)
    raise WeightsError(
        f"There is no public decoder for the extractor {encoder!r}. Use the extractor {others}, "
        "or train a decoder and give its file."
    )


def list_weights() -> list[WeightStatus]:
    """Return every weight set and whether it is at hand; nothing is read or fetched."""
    return [_status(file) for file in CATALOGUE.values()]


def _status(file: WeightFile) -> WeightStatus:
    where = store.location(file)
    present = where.is_file()
    state: State = "absent" if not present else "embedded" if file.embedded else "cached"
    size = where.stat().st_size if present else file.size
    return WeightStatus(file.name, file.kind, state, where, size, file.licence, store.expected_sha256(file))


def path(name: str) -> Path:
    """Return where the weight set's file is, or would be once fetched.

    Raises:
        OptionError: Unknown name.
    """
    return store.location(find(name))


def fetch(name: str, force: bool = False, progress: Progress | None = None) -> Path:
    """Return the weight set's file, downloading it if it is not at hand.

    Args:
        name: Name in the catalogue.
        force: Download even if there is a file, for example a damaged one.
        progress: Called with (bytes so far, bytes in all).

    Raises:
        OptionError: Unknown name.
        WeightsError: A file that is damaged, or cannot be fetched; says how to do it by hand.
    """
    file = find(name)
    where = store.location(file)
    if file.embedded or (where.is_file() and not force):
        _check(where, file)
        return where
    if file.stored_as:
        return fetch_reduced(file, force=force, progress=progress)
    return store.fetch(file, progress=progress)


def verify(names: Iterable[str] | None = None) -> list[tuple[str, bool, str]]:
    """Compare files with their hashes.

    Args:
        names: Weight sets; by default all that are at hand.

    Returns:
        ``(name, whether it is sound, one sentence)`` for each.

    Raises:
        OptionError: Unknown name.
    """
    at_hand = (status.name for status in list_weights() if status.state != "absent")
    results = []
    for file in [find(name) for name in (at_hand if names is None else names)]:
        where = store.location(file)
        try:
            if not where.is_file() and not file.embedded:
                raise WeightsError(f"Not fetched. Fetch it: styletransfer weights fetch {file.name}.")
            _check(where, file)
            if store.expected_sha256(file) is None:
                raise WeightsError(f"{where} has no SHA-256 on record.")
            results.append((file.name, True, f"{where} is as published."))
        except WeightsError as error:
            results.append((file.name, False, str(error)))
    return results


def _check(where: Path, file: WeightFile) -> None:
    if file.stored_as and where.is_file():
        check_reduced(where, file)
    else:
        store.check(where, file)
