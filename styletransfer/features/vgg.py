"""The one VGG-19 feature extractor that all methods share.

It takes RGB in [0, 1] and owns everything between that and the first convolution; nothing else in the package
normalises a picture for a network.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styletransfer._checks import choice
from styletransfer.errors import OptionError, WeightsError
from styletransfer.features import winograd
from styletransfer.features.frozen import convolution
from styletransfer.features.low_rank import LowRankConv2d
from styletransfer.features.padding import Padding
from styletransfer.layers import BY_TAP, LAYERS, VGG19_WIDTHS, Layer, check_taps
from styletransfer.weights.checksum import checksum

Pooling = Literal["max", "avg"]


def pick_device(device: str | torch.device | None) -> torch.device:
    """Return the device meant by `device`; by default the first of CUDA, Apple's MPS and the CPU.

    Raises:
        OptionError: No such device, or it is not available here.
    """
    available: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
        "cpu": lambda: True,
    }
    if device is None:
        return torch.device(next(kind for kind, is_there in available.items() if is_there()))
    try:
        picked = torch.device(device)
    except (RuntimeError, TypeError):
        raise OptionError(f'Unknown device {device!r}. Choose "cpu", "cuda", "cuda:1" ... or "mps".') from None
    if picked.type not in available:
        raise OptionError(f'Unknown device {device!r}. Choose "cpu", "cuda", "cuda:1" ... or "mps".')
    if not available[picked.type]() or (
        picked.type == "cuda" and (picked.index or 0) >= torch.cuda.device_count()
    ):
        raise OptionError(f'The device "{picked}" is not available here. Use "cpu", or name none.')
    return picked


class VGG19Features(nn.Module):
    """VGG-19's convolutions up to some depth, frozen, with taps by name.

    The parameters never require gradients and `train()` does nothing: gradients flow through the network to
    the picture, not into it.

    Args:
        name: The weight set's name; decoders are bound to it.
        widths: Channels of the five blocks.
        last: Deepest convolution held, e.g. ``"conv5_1"``.
        pooling: ``"max"`` or ``"avg"``.
        padding: ``"reflect"`` or ``"zeros"``.
        ceil_mode: Whether pooling keeps the odd last row and column.
        ranks: By convolution, the ranks of those that are divided in up to three (`LowRankConv2d`).

    Attributes:
        available: The taps of this network, shallow to deep.

    Example:
        >>> import torch, styletransfer as st
        >>> extractor = st.create_extractor("vgg19-lite")
        >>> features = extractor(torch.rand(1, 3, 64, 48), ["relu4_1"])
        >>> features["relu4_1"].shape
        torch.Size([1, 512, 8, 6])
    """

    def __init__(
        self,
        name: str,
        *,
        widths: Sequence[int] = VGG19_WIDTHS,
        last: str = "conv5_4",
        pooling: Pooling = "max",
        padding: Padding = "reflect",
        ceil_mode: bool = False,
        ranks: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.widths = tuple(widths)
        self.pooling = choice(pooling, ("max", "avg"), "pooling")
        self.padding = choice(padding, ("reflect", "zeros"), "padding")
        self.ceil_mode = ceil_mode
        self.ranks = dict(ranks or {})
        self._layers: tuple[Layer, ...] = LAYERS[: [layer.conv for layer in LAYERS].index(last) + 1]
        self.available = tuple(tap for layer in self._layers for tap in (layer.conv, layer.relu))
        #: Affine map of the colours before the first convolution: identity until weights are loaded.
        # Written out: on the meta device torch.eye is Python code, which loads torch's compiler for a second.
        identity = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float32)
        self.register_buffer("color_matrix", identity.view(3, 3, 1, 1))
        self.register_buffer("color_bias", torch.zeros(3, dtype=torch.float32))
        self.convs = nn.ModuleDict()
        channels = 3
        for layer in self._layers:
            width = self.widths[layer.block - 1]
            self.convs[layer.conv] = (
                LowRankConv2d(channels, width, *self.ranks[layer.conv])
                if layer.conv in self.ranks
                else nn.Conv2d(channels, width, 3, dtype=torch.float32)
            )
            channels = width
        #: Weights in the form of `winograd`, by convolution, and None where it is slower; None for no such form.
        self._kernels: dict[str, Tensor | None] | None = None
        self.requires_grad_(False)
        super().train(False)
        # Convolutions with interleaved channels take half the time on a CPU and reach a GPU's tensor cores.
        self.to(memory_format=torch.channels_last)

    color_matrix: Tensor
    color_bias: Tensor

    def train(self, mode: bool = True) -> Self:
        """Do nothing: frozen means frozen."""
        return self

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.color_bias.device

    @property
    def dtype(self) -> torch.dtype:
        """In which the convolutions compute, and of which the features are."""
        return self.convs["conv1_1"].get_parameter("bias").dtype

    @property
    def sha256(self) -> str | None:
        """SHA-256 of the numbers, to which decoders are bound; None in another precision or on no device."""
        if {self.dtype, self.color_bias.dtype} != {torch.float32} or self.color_bias.is_meta:
            return None
        tensors = {**self.convs.state_dict(), "color.weight": self.color_matrix, "color.bias": self.color_bias}
        return checksum({name: tensor.detach().cpu() for name, tensor in tensors.items()})

    def channels(self, tap: str) -> int:
        """Return the number of channels at `tap`."""
        check_taps([tap], self.available)
        return self.widths[int(tap[4]) - 1]

    def feature_size(self, tap: str, size: tuple[int, int]) -> tuple[int, int]:
        """Return (h, w) of the features at `tap` of pictures of `size`, (H, W)."""
        stride = BY_TAP[tap].stride  # pooling by pooling, with the odd last row dropped or kept
        height, width = (-(-side // stride) if self.ceil_mode else side // stride for side in size)
        return height, width

    def variant(self, *, pooling: Pooling | None = None, padding: Padding | None = None) -> VGG19Features:
        """Return this network with another pooling or padding; the weights are shared, not copied."""
        other = copy.copy(self)
        other.pooling = choice(pooling or self.pooling, ("max", "avg"), "pooling")
        other.padding = choice(padding or self.padding, ("reflect", "zeros"), "padding")
        return other

    def hastened(self) -> VGG19Features:
        """Return this network with its wide convolutions in the form of `winograd`, where that is faster.

        Features change by rounding. The weights are shared and, in that form, held once more in four times their
        memory, each from its first use on: for work of many passes over single pictures.
        """
        other = copy.copy(self)
        other._kernels = {}
        return other

    def cast(self, dtype: torch.dtype) -> VGG19Features:
        """Return this network with its convolutions in another precision; itself if it has that one already.

        The copy shares nothing with this network. It takes pictures as before: their colours are mapped in the
        precision they were mapped in, then converted.
        """
        if dtype == self.dtype:
            return self
        with torch.inference_mode(False), torch.no_grad():
            other = copy.deepcopy(self)
            other.convs.to(dtype)
            other._kernels = None
        return other

    def forward(self, images: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Return the features of `images` at `layers`.

        The network is run only as deep as the deepest tap asked for.

        Args:
            images: (B, 3, H, W) RGB in [0, 1], H and W at least 16, on the extractor's device.
            layers: Tap names.

        Returns:
            ``{layer: (B, C, h, w)}`` in the network's order.

        Raises:
            OptionError: Unknown layer, or pictures of the wrong shape, too small for the deepest layer, or on
                another device.
        """
        wanted = check_taps(layers, self.available)
        self._check(images, BY_TAP[wanted[-1]])
        features: dict[str, Tensor] = {}
        x = images.to(self.color_bias.dtype).contiguous(memory_format=torch.channels_last)
        x = F.conv2d(x, self.color_matrix, self.color_bias).to(self.dtype)
        for layer in self._layers:
            if layer.opens_block:
                x = self._pool(x)
            conv = self.convs[layer.conv]
            # A tap before the ReLU keeps its tensor, which the ReLU must not overwrite.
            tapped = layer.conv in wanted
            x = convolution(x, conv, self.padding, relu=not tapped, kernel=self._kernel(layer.conv))
            if tapped:
                features[layer.conv] = x
                x = F.relu(x)
            if layer.relu in wanted:
                features[layer.relu] = x
            if len(features) == len(wanted):
                break
        return features

    def load_convolutions(
        self, convolutions: Mapping[str, Tensor], *, color_matrix: Tensor, color_bias: Tensor, source: str
    ) -> None:
        """Copy ``{"conv1_1.weight": ..., "conv1_1.bias": ...}`` and the colour map into this network.

        A network on the meta device takes the tensors themselves. (`to_empty` would give it memory to copy into,
        but on that device it is Python code, which loads sympy and torch's compiler for half a second.)

        Raises:
            WeightsError: A tensor that is missing or has another shape; names the file `source`.
        """
        for name, own in self.convs.state_dict().items():
            if name not in convolutions:
                raise WeightsError(f"{source} has no tensor for {name}; it is not a file for {self.name!r}.")
            if convolutions[name].shape != own.shape:
                raise WeightsError(
                    f"{source}: {name} has shape {tuple(convolutions[name].shape)}, "
                    f"{self.name!r} wants {tuple(own.shape)}."
                )
        chosen = {name: convolutions[name] for name in self.convs.state_dict()}
        if not self.color_bias.is_meta:
            self.convs.load_state_dict(chosen)
            self.color_matrix.copy_(color_matrix.view(3, 3, 1, 1))
            self.color_bias.copy_(color_bias)
            return
        self.convs.load_state_dict(chosen, assign=True)
        self.convs.to(memory_format=torch.channels_last)
        self.color_matrix, self.color_bias = color_matrix.view(3, 3, 1, 1), color_bias

    def divide_layers(self, divisors: Mapping[str, float]) -> None:
        """Divide the features of layers by one positive number each, by convolution; nothing else changes.

        ReLU, pooling and padding commute with a positive factor, so the next convolution undoes it.
        """
        before = 1.0
        for layer in self._layers:
            now = divisors.get(layer.conv, 1.0)
            conv = self.convs[layer.conv]
            last = conv.last if isinstance(conv, LowRankConv2d) else conv
            last.get_parameter("weight").mul_(before / now)
            conv.get_parameter("bias").div_(now)
            before = now

    def _kernel(self, name: str) -> Tensor | None:
        if self._kernels is None:
            return None
        if name not in self._kernels:
            conv = self.convs[name]
            weight = conv.core.weight if isinstance(conv, LowRankConv2d) else conv.get_parameter("weight")
            with torch.inference_mode(False), torch.no_grad():
                self._kernels[name] = winograd.spectrum(weight) if winograd.is_faster(weight) else None
        return self._kernels[name]

    def _pool(self, x: Tensor) -> Tensor:
        if self.pooling == "max":
            return F.max_pool2d(x, 2, ceil_mode=self.ceil_mode)
        return F.avg_pool2d(x, 2, ceil_mode=self.ceil_mode)

    def _check(self, images: object, deepest: Layer) -> None:
        if not isinstance(images, Tensor) or images.ndim != 4 or images.shape[1] != 3:
            got = tuple(images.shape) if isinstance(images, Tensor) else f"a {type(images).__name__}"
            raise OptionError(
                f"The extractor takes a tensor of pictures (B, 3, H, W), got {got}. "
                "styletransfer.load_image gives one."
            )
        if not self.ceil_mode and min(images.shape[2:]) < deepest.stride:  # pooling would leave nothing
            raise OptionError(
                f"The pictures are {images.shape[2]}x{images.shape[3]} pixels (height x width), too small for "
                f"{deepest.relu!r}; both sides must be at least {deepest.stride}."
            )
        if images.device != self.device:
            raise OptionError(
                f"The pictures are on {images.device}, the extractor on {self.device}. "
                "Move one of them with .to(device)."
            )
