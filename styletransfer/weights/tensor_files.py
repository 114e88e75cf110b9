"""Reading tensors from files that others made: safetensors, and PyTorch's own format in all its ages.

This is the package's only reader of weights. Nothing in a file is ever executed, and no size that it claims is
believed before it has been compared with the file's own.
"""

from __future__ import annotations

import io
import math
import os
import pickle
import pickletools
import reprlib
import zipfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from styletransfer.errors import WeightsError
from styletransfer.files import ordinary_file
from styletransfer.weights.download import is_web_page
from styletransfer.weights.formats import resemblance

#: Bytes of the largest file, and of all float32 numbers together, that are read. The largest published has 575 MB.
MOST_BYTES = 600_000_000
#: A larger number is not a weight or a statistic of any network that works.
LARGEST = 1e6
#: Bytes that the description of a file's tensors may have.
MOST_DESCRIBED = 1 << 20
_PYTORCH_STARTS = (b"PK\x03\x04", b"\x80")  # zip archive since PyTorch 1.6; pickle before
#: What the pickle of a state dict refers to; anything else could fill the memory.
_PLAIN = {
    "collections OrderedDict",
    "torch Size",
    "torch.nn.parameter Parameter",
    *(f"torch._utils _rebuild_{what}" for what in ("tensor", "tensor_v2", "parameter")),
    *(f"torch {kind}Storage" for kind in ("Half", "BFloat16", "Float", "Double", "Long", "Int", "Short", "Char",
                                          "Byte", "Bool")),
}  # fmt: skip


@dataclass(frozen=True)
class TensorFile:
    """A file whose description has been read, but not its numbers.

    Attributes:
        path: The file.
        metadata: Of a safetensors file; empty for the other formats.
        shapes: Shape of each tensor.
        get: Returns a tensor as it is stored.
    """

    path: Path
    metadata: Mapping[str, str]
    shapes: Mapping[str, tuple[int, ...]]
    get: Callable[[str], Tensor]

    def __post_init__(self) -> None:
        if not self.shapes:
            raise WeightsError(f"{self.path} holds no tensors.")

    def read(self, wanted: Mapping[str, tuple[int, ...]], owner: str) -> dict[str, Tensor]:
        """Return the tensors that a network consists of, as `load` does; nothing else is read.

        Args:
            wanted: Name and shape of each.
            owner: The network's name.

        Raises:
            WeightsError: One is missing or has another shape, or as for `load`.
        """
        for name, shape in wanted.items():
            if name not in self.shapes:
                raise WeightsError(
                    f"{self.path} has no tensor {name!r}, so it is not a file of {owner!r}."
                    f"{resemblance(self.shapes)}"
                )
            if self.shapes[name] != shape:
                raise WeightsError(
                    f"{self.path}: {name} has shape {reprlib.repr(self.shapes[name])}, {owner!r} wants {shape}."
                )
        return self.load(wanted)

    def load(self, names: Collection[str], max_bytes: int = MOST_BYTES) -> dict[str, Tensor]:
        """Return the tensors of these names as float32 on the CPU.

        Raises:
            WeightsError: Too many numbers, or one that is NaN, infinite or absurdly large.
        """
        size = 4 * sum(math.prod(self.shapes[name]) for name in names)
        if size > max_bytes:
            raise WeightsError(
                f"{self.path} claims to hold {size:.3g} bytes of numbers; no more than {max_bytes:,} are read."
            )
        with torch.inference_mode(False):
            return {name: self._checked(name) for name in names}

    def _checked(self, name: str) -> Tensor:
        try:
            stored = self.get(name)
        except (SafetensorError, OSError, ValueError, MemoryError) as error:
            raise _damaged(self.path, error) from error
        if not stored.is_floating_point():
            raise WeightsError(f"{self.path}: {name} holds {stored.dtype}, wanted are floating-point numbers.")
        if stored.numel() * stored.element_size() > stored.untyped_storage().nbytes():
            raise WeightsError(f"{self.path}: {name} claims more numbers than are stored; the file is damaged.")
        x = stored.detach().to(torch.float32, copy=True, memory_format=torch.contiguous_format)
        extremes = [abs(float(value)) for value in torch.aminmax(x)] if x.numel() else []
        if not all(math.isfinite(value) for value in extremes):
            raise WeightsError(f"{self.path}: {name} holds NaN or infinite numbers; the file is damaged.")
        if max(extremes, default=0.0) > LARGEST:
            raise WeightsError(
                f"{self.path}: {name} holds {max(extremes):.3g}; a number beyond {LARGEST:,.0f} is no weight. "
                "The file is damaged, or the training that made it diverged."
            )
        return x


def read_tensors(
    path: str | os.PathLike[str],
    wanted: Collection[str] | Callable[[str], bool] | None = None,
    max_bytes: int = MOST_BYTES,
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors of a file as float32 on the CPU, and its metadata.

    Args:
        path: As for `open_tensors`.
        wanted: Names, or what tells of a name whether it is wanted; by default all. Missing ones are left out.
        max_bytes: Of the float32 numbers that are read.

    Raises:
        WeightsError: As for `open_tensors` and `TensorFile.load`.
    """
    file = open_tensors(path)
    is_wanted = (lambda name: name in wanted) if isinstance(wanted, Collection) else wanted
    names = [name for name in file.shapes if is_wanted is None or is_wanted(name)]
    return file.load(names, max_bytes), dict(file.metadata)


def open_tensors(path: str | os.PathLike[str], stream: BinaryIO | None = None) -> TensorFile:
    """Read the description of a file's tensors.

    The format is recognised by the content, not by the suffix.

    Args:
        path: A safetensors file, or a state dict written by `torch.save` (a zip archive, or a plain pickle
            from before PyTorch 1.6), bare or under the key ``"state_dict"``.
        stream: The open file, if it cannot be opened by `path`; of PyTorch's format.

    Raises:
        WeightsError: No such file, not a weight file, truncated, or holding more than tensors.
    """
    if stream is not None:
        return _from_pytorch(Path(path), stream)
    path = ordinary_file(path, "weight file", WeightsError)
    try:
        with path.open("rb") as file:
            size, start = os.fstat(file.fileno()).st_size, file.read(512)
            if size > MOST_BYTES:
                raise WeightsError(f"{path} has {size:,} bytes; no weight file has more than {MOST_BYTES:,}.")
            if start.startswith(_PYTORCH_STARTS) and start[8:9] != b"{":
                return _from_pytorch(path, file)
    except OSError as error:
        raise WeightsError(f"The weight file {path} cannot be read: {error.strerror}.") from error
    if start[8:9] == b"{":  # eight bytes of length, then a JSON header
        return _from_safetensors(path, int.from_bytes(start[:8], "little"))
    raise WeightsError(f"{path} is not a weight file: {_guess(start)}. Wanted: safetensors, or a PyTorch file.")


def _guess(start: bytes) -> str:
    if not start:
        return "it is empty"
    if is_web_page(start):
        return "it is an HTML page, as a server sends in place of a file that moved or needs a login"
    if start.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer; run `git lfs pull` where it came from"
    return f"it begins with {start[:8]!r}"


def _from_safetensors(path: Path, header: int) -> TensorFile:
    if header > MOST_DESCRIBED:
        raise _damaged(path, f"its header claims {header:,} bytes")
    try:
        file: Any = safe_open(path, framework="pt", device="cpu")
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        whole = {name for name, held in slices.items() if held.get_dtype() == "I8" and f"{name}.scale" in slices}
        parts = {f"{name}.scale" for name in whole}
        shapes = {name: tuple(held.get_shape()) for name, held in slices.items() if name not in parts}
    except (SafetensorError, OSError, ValueError, MemoryError) as error:
        raise _damaged(path, error) from error

    def get(name: str) -> Tensor:
        stored: Tensor = file.get_tensor(name)
        return scaled(name, stored, file.get_tensor(f"{name}.scale")) if name in whole else stored

    return TensorFile(path, dict(file.metadata() or {}), shapes, get)


def in_8_bits(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return a convolution's weight as integers from -127 to 127, and the scale of each output channel."""
    scale = (weight.flatten(1).abs().amax(1) / 127).clamp_min(1e-30)
    return (weight / scale.view(-1, 1, 1, 1)).round().to(torch.int8), scale


def scaled(name: str, steps: Tensor, scale: Tensor) -> Tensor:
    """Return a tensor stored as 8-bit integers, ``NAME``, and a scale for each output channel, ``NAME.scale``."""
    if not steps.ndim or scale.shape != steps.shape[:1] or not scale.is_floating_point():
        raise ValueError(f"{name} in 8 bits needs one scale for each output channel")
    return steps.float() * scale.float().view(-1, *[1] * (steps.ndim - 1))


def _from_pytorch(path: Path, file: BinaryIO) -> TensorFile:
    try:
        _check_before_loading(file, path)
        file.seek(0)
        with torch.inference_mode(False):
            stored = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} is damaged, or holds Python objects besides tensors, which are not loaded because they "
            "could run any program. Save its state dict alone: torch.save(model.state_dict(), path)."
        ) from error
    except WeightsError:
        raise
    except Exception as error:  # damaged pickles and archives raise almost anything
        raise _damaged(path, error) from error
    tensors = _as_state_dict(stored, path)
    indexed = {name.removesuffix("_table") for name in tensors if name.endswith("_table")}
    indexed &= {name.removesuffix("_q") for name in tensors if name.endswith("_q")}
    parts = {f"{name}_{part}" for name in indexed for part in ("table", "q")}
    shapes = {name: tuple(x.shape) for name, x in tensors.items() if name not in parts}
    shapes |= {name: tuple(tensors[f"{name}_q"].shape) for name in sorted(indexed)}
    return TensorFile(
        path, {}, shapes, lambda name: _looked_up(tensors, name) if name in indexed else tensors[name]
    )


def _looked_up(tensors: Mapping[str, Tensor], name: str) -> Tensor:
    """Return a tensor stored as at most 256 numbers, ``NAME_table``, and their indices, ``NAME_q``."""
    table, indices = tensors[f"{name}_table"], tensors[f"{name}_q"]
    if indices.dtype != torch.uint8 or table.shape != (256,):
        raise ValueError(f"{name} needs indices in uint8 and a table of 256 numbers")
    if indices.numel() > indices.untyped_storage().nbytes():
        raise ValueError(f"{name}_q claims more numbers than are stored")
    return table[indices.flatten().int()].view(indices.shape)


def _check_before_loading(file: BinaryIO, path: Path) -> None:
    """Refuse what would take more memory than the file is large, or make anything but tensors."""
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    if file.read(2) != b"PK":
        file.seek(0)
        pickles = io.BytesIO(file.read(MOST_DESCRIBED))
        for _ in range(5):  # magic number, version, system, state dict, names of the storages
            _check_pickle(pickles)
        return
    file.seek(max(0, size - MOST_DESCRIBED))
    entries = zipfile.ZipFile(io.BytesIO(file.read())).infolist()  # the directory is at the end
    if any(entry.compress_type or entry.file_size != entry.compress_size for entry in entries):
        raise WeightsError(f"{path} is a compressed archive, which is not read. Write it again with torch.save.")
    [description] = [entry for entry in entries if entry.filename.lower().endswith("/data.pkl")]
    if description.file_size > MOST_DESCRIBED or sum(entry.file_size for entry in entries) > size:
        raise ValueError("its directory claims more than the file holds")
    _check_pickle(io.BytesIO(zipfile.ZipFile(file).read(description.filename)))


def _check_pickle(stream: io.BytesIO) -> None:
    """Read a pickle's instructions without following them."""
    for instruction, argument, _ in pickletools.genops(stream):
        if instruction.name == "GLOBAL" and argument not in _PLAIN:
            raise pickle.UnpicklingError(f"it refers to {argument}")


def _as_state_dict(stored: Any, path: Path) -> dict[str, Tensor]:
    """Undo the wrappings in which state dicts travel."""
    if isinstance(stored, Mapping) and isinstance(stored.get("state_dict"), Mapping):
        stored = stored["state_dict"]
    if not isinstance(stored, Mapping) or not all(
        isinstance(name, str) and isinstance(x, Tensor) for name, x in stored.items()
    ):
        raise WeightsError(
            f"{path} holds no state dict (tensors by name) but a {type(stored).__name__} of other things."
        )
    # nn.DataParallel puts "module." before every name.
    return {name.removeprefix("module."): x for name, x in stored.items()}


def _damaged(path: Path, problem: object) -> WeightsError:
    reason = (str(problem).splitlines() or [type(problem).__name__])[0]
    return WeightsError(f"{path} is truncated or damaged: {reason[:300]}. Get the file again.")
