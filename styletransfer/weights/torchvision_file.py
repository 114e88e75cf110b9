"""torchvision's VGG-19 file, reduced to its convolutions.

The original is seven times larger than what is used, so only the convolutions are kept, as a safetensors file
that carries the checksum of its own tensors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from styletransfer.errors import WeightsError
from styletransfer.weights import store
from styletransfer.weights.formats import FORMATS
from styletransfer.weights.store import Progress, WeightFile
from styletransfer.weights.tensor_files import read_tensors

#: What the metadata of a reduced file says under ``"format"``.
FORMAT = "styletransfer-vgg19-1"


def fetch_reduced(file: WeightFile, *, force: bool = False, progress: Progress | None = None) -> Path:
    """Store the convolutions of torchvision's file in the cache.

    A copy of the original that lies in the cache folder, or where torchvision itself keeps it, is used and
    left alone; otherwise it is downloaded, and removed once it has been reduced.

    Raises:
        WeightsError: A copy that is damaged (`force` downloads nonetheless), or any failure to fetch it.
    """
    folders = (store.cache_dir(), Path(torch.hub.get_dir()) / "checkpoints")
    copies = [folder / file.file_name for folder in folders if (folder / file.file_name).is_file()]
    if copies and not force:
        store.check(copies[0], file)
        return _reduce(copies[0], file)
    with store.scratch_dir(file) as folder:
        return _reduce(store.fetch(file, progress=progress, folder=folder), file)


def _reduce(original: Path, file: WeightFile) -> Path:
    tensors = _load(original)
    names = FORMATS[file.name].names.values()
    FORMATS[file.name].convolutions(tensors, str(original))  # raises if one is missing
    convolutions = {name: tensors[name].detach().float().contiguous() for name in names}
    metadata = {"format": FORMAT, "source": str(file.url), "sha256": _checksum(convolutions)}
    return store.put(file, save(convolutions, metadata=metadata))


def _load(original: Path) -> dict[str, Tensor]:
    from torchvision.models import VGG19_Weights  # takes a second, and is needed here only

    try:
        tensors: dict[str, Tensor] = VGG19_Weights.IMAGENET1K_V1.get_state_dict(
            model_dir=str(original.parent),
            file_name=original.name,
            map_location="cpu",
            progress=False,
            check_hash=True,
            weights_only=True,
        )
    except Exception as error:  # as in tensor_files: damaged files raise almost anything
        raise WeightsError(f"{original} cannot be read by torchvision: {error}.") from error
    return tensors


def check_reduced(path: Path, file: WeightFile) -> None:
    """Compare the tensors of a reduced file with the checksum that it carries.

    Raises:
        WeightsError: They differ, or it is no such file.
    """
    cure = f"Fetch it again: styletransfer weights fetch {file.name} --force."
    try:
        tensors, metadata = read_tensors(path)
    except WeightsError as error:
        raise WeightsError(f"{error} {cure}") from error
    if metadata.get("format") != FORMAT or metadata.get("sha256") != _checksum(tensors):
        raise WeightsError(
            f"{path} is damaged: its tensors do not have the checksum that they were stored with. {cure}"
        )


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {tuple(tensors[name].shape)}".encode())
        digest.update(tensors[name].contiguous().numpy().data)
    return digest.hexdigest()
