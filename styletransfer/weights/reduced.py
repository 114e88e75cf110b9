"""torchvision's VGG-19 file, reduced to its convolutions.

The original is seven times larger than what is used, so only the convolutions are kept, as a safetensors file
that carries the checksum of its own tensors.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from safetensors.torch import save

from styletransfer.errors import WeightsError
from styletransfer.weights.catalogue import WeightFile
from styletransfer.weights.checksum import checksum
from styletransfer.weights.tensor_files import open_tensors, read_tensors

#: What the metadata of a reduced file says under ``"format"``.
FORMAT = "styletransfer-vgg19-1"


def reduce(original: BinaryIO, file: WeightFile) -> bytes:
    """Return what is kept of the published file of a weight set, as a safetensors file.

    Raises:
        WeightsError: It does not hold what it should.
    """
    wanted = file.form.shapes if file.form else {}
    tensors = open_tensors(Path(file.file_name), original).read(wanted, file.name)
    return save(tensors, metadata={"format": FORMAT, "source": str(file.url), "sha256": checksum(tensors)})


def check(path: Path) -> None:
    """Compare the tensors of a reduced file with the checksum that it carries.

    Raises:
        WeightsError: They differ, or it is no such file.
    """
    tensors, metadata = read_tensors(path)
    if metadata.get("format") != FORMAT or metadata.get("sha256") != checksum(tensors):
        raise WeightsError(f"{path} is damaged: its tensors do not have the checksum that they were stored with.")
