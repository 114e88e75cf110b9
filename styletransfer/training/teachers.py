"""Networks to learn from and to measure losses in: extractors of this package, and files of other formats.

Two more formats are read, both safetensors:

- ``features.<index>.weight`` as in torchvision's VGG-19, its first layers up to any, for RGB * 255 minus the
  Oxford mean (a file that holds all of them is torchvision's own and wants ImageNet's mean and deviation);
- ``conv<block><number>.weight`` at any width with a 1x1 ``conv0`` for the colours, and 1x1 heads
  ``conv<block><number>_aux`` that predict the full network's layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styletransfer.errors import OptionError, WeightsError
from styletransfer.features import create_extractor, list_extractors
from styletransfer.features.vgg import VGG19Features
from styletransfer.layers import LAYERS, Layer
from styletransfer.weights.formats import TRAINED
from styletransfer.weights.tensor_files import read_tensors

#: Mean of the Oxford VGG's training pictures, RGB, 0 to 255 (Simonyan and Zisserman 2015, section 2.1).
OXFORD_MEAN = (123.68, 116.779, 103.939)

#: Layers of a decoder's style loss (Huang and Belongie 2017, section 6.1), which the loss networks must have ...
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
#: ... and what is used as well where they have it: a coarser style layer, and a content layer that follows layout
#: rather than texture (Gatys et al. 2016, section 3). Without it the content layer is relu4_1.
COARSE_LAYER, CONTENT_LAYER = "relu5_1", "relu4_2"


class Teacher(nn.Module):
    """A frozen network to learn from or to measure losses in.

    Args:
        network: The extractor.
        heads: 1x1 convolutions (weight, bias) by layer, that turn the network's layer into what it predicts.
    """

    def __init__(self, network: VGG19Features, heads: dict[str, tuple[Tensor, Tensor]] | None = None) -> None:
        super().__init__()
        self.network = network
        self._heads = sorted(heads or {})
        for layer, (weight, bias) in (heads or {}).items():
            if weight.shape[1:] != (network.channels(layer), 1, 1) or bias.shape != weight.shape[:1]:
                raise RuntimeError(f"the head of {layer} has shape {tuple(weight.shape)}")
            self.register_buffer(f"{layer}_weight", weight)
            self.register_buffer(f"{layer}_bias", bias)

    @property
    def layers(self) -> tuple[str, ...]:
        """The ReLU layers that stand for VGG-19's: those with a head, if there are any."""
        return tuple(self._heads) or tuple(name for name in self.network.available if name.startswith("relu"))

    @property
    def deepest(self) -> str:
        """The deepest ReLU layer of the network itself."""
        return [name for name in self.network.available if name.startswith("relu")][-1]

    @property
    def exact(self) -> bool:
        """Whether the layers are the network's own rather than predicted by heads."""
        return not self._heads

    def forward(self, images: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Return ``{layer: (B, C, h, w)}``, through the heads where there are some."""
        features: dict[str, Tensor] = self.network(images, layers)
        for layer in features.keys() & set(self._heads):
            weight, bias = self.get_buffer(f"{layer}_weight"), self.get_buffer(f"{layer}_bias")
            features[layer] = F.relu(F.conv2d(features[layer].to(weight.dtype), weight, bias))
        return features


def load_teacher(source: str | Path, device: torch.device | str = "cpu") -> Teacher:
    """Load a teacher: the name of a weight set, or a file in one of the formats above or of an extractor.

    Raises:
        OptionError: Neither a known name nor a file.
        WeightsError: A file that is damaged or of no known format.
    """
    if str(source) in list_extractors():
        return Teacher(create_extractor(str(source), device=device))
    path = Path(source)
    if not path.is_file():
        raise OptionError(
            f'There is no teacher "{source}". Give the name of an extractor ({", ".join(list_extractors())}) or '
            "the path of a weight file."
        )
    tensors, metadata = read_tensors(path)
    try:
        return _of(tensors, metadata, path).to(device)
    except (KeyError, IndexError, RuntimeError) as error:
        if isinstance(error, WeightsError):
            raise
        fault = f"it has no tensor {error}" if isinstance(error, KeyError) else str(error).splitlines()[0]
        raise WeightsError(f"The teacher {path} is damaged: {fault.rstrip('.')}. Get the file again.") from error


def _of(tensors: dict[str, Tensor], metadata: Mapping[str, str], path: Path) -> Teacher:
    """Tell the format by the names of the tensors."""
    if "conv0.weight" in tensors:
        names = {layer: f"conv{layer.block}{layer.number}" for layer in LAYERS}
        heads = {
            layer.relu: (tensors[f"{name}_aux.weight"], tensors[f"{name}_aux.bias"])
            for layer, name in names.items()
            if f"{name}_aux.weight" in tensors
        }
        color = tensors["conv0.weight"], tensors["conv0.bias"]
        return Teacher(_network("narrow", tensors, names, color, path), heads)
    if "features.34.weight" in tensors:
        return Teacher(create_extractor("vgg19", weights=path, device="cpu"))
    if "features.0.weight" in tensors:
        names = {layer: f"features.{layer.torchvision_index}" for layer in LAYERS}
        color = 255 * torch.eye(3), -torch.tensor(OXFORD_MEAN)
        return Teacher(_network("vgg19-oxford", tensors, names, color, path))
    if metadata.get("format") == TRAINED:
        return Teacher(create_extractor(path, device="cpu"))
    if "color.weight" in tensors:
        return Teacher(create_extractor("vgg19-lite-1", weights=path, device="cpu"))
    raise WeightsError(
        f"{path} is no teacher, being of none of the known formats; its first tensor: {next(iter(tensors))!r}."
    )


def _network(
    name: str, tensors: dict[str, Tensor], names: Mapping[Layer, str], color: tuple[Tensor, Tensor], path: Path
) -> VGG19Features:
    """Return a network of those leading layers that a file holds, at their widths there."""
    held = [layer for layer in LAYERS if f"{names[layer]}.weight" in tensors]
    widths = [1, 1, 1, 1, 1]
    for layer in held:
        widths[layer.block - 1] = tensors[f"{names[layer]}.weight"].shape[0]
    network = VGG19Features(name, widths=widths, last=held[-1].conv)
    network.load_convolutions(
        {
            f"{layer.conv}.{part}": tensors[f"{names[layer]}.{part}"]
            for layer in held
            for part in ("weight", "bias")
        },
        color_matrix=color[0],
        color_bias=color[1],
        source=str(path),
    )
    return network


class LossNetwork(nn.Module):
    """The features in which a decoder's losses are measured while it is trained.

    Args:
        teachers: Each layer is taken from the first that has it itself, else from the first that predicts it.

    Attributes:
        style_layers: `STYLE_LAYERS`, and `COARSE_LAYER` where a teacher has it.
        content_layer: `CONTENT_LAYER` where a teacher has it, else the last of `STYLE_LAYERS`.

    Raises:
        OptionError: A layer of `STYLE_LAYERS` that none of them has.
    """

    def __init__(self, teachers: Sequence[Teacher]) -> None:
        super().__init__()
        self.teachers = nn.ModuleList(teachers)
        self._owner: dict[str, int] = {}
        for layer in (*STYLE_LAYERS, COARSE_LAYER, CONTENT_LAYER):
            owners = [n for n, teacher in enumerate(teachers) if layer in teacher.layers]
            if owners:
                self._owner[layer] = next((n for n in owners if teachers[n].exact), owners[0])
            elif layer in STYLE_LAYERS:
                raise OptionError(
                    f"None of the loss networks has {layer}; the losses need {', '.join(STYLE_LAYERS)}."
                )
        self.style_layers = (*STYLE_LAYERS, *([COARSE_LAYER] if COARSE_LAYER in self._owner else []))
        self.content_layer = CONTENT_LAYER if CONTENT_LAYER in self._owner else STYLE_LAYERS[-1]

    def forward(self, images: Tensor, layers: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Return ``{layer: (B, C, h, w)}`` of (B, 3, H, W) pictures in [0, 1]; all layers by default."""
        wanted = list(self._owner if layers is None else layers)
        found: dict[str, Tensor] = {}
        for number, teacher in enumerate(self.teachers):
            own = [layer for layer in wanted if self._owner[layer] == number]
            if own:
                found |= teacher(images, own)
        return {layer: found[layer] for layer in wanted}
