"""AdaIN, a transform of features: Huang and Belongie, ICCV 2017.

Each channel of the content's features is given the mean and standard deviation that it has in the style's; for
decoders of the alignment ``"covariance"`` the channels' covariance too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer.code_files import CodeInfo, cleaned, read_code_file, write_code_file
from styletransfer.errors import WeightsError
from styletransfer.layers import TAPS
from styletransfer.method import Method
from styletransfer.methods.feedforward.config import ADAIN
from styletransfer.methods.feedforward.decoder_parts import BaseDecoder
from styletransfer.methods.feedforward.statistics import (
    ChannelStatistics,
    Statistics,
    align_features,
    aligning,
    describe_change,
    lerp_statistics,
    mix_statistics,
    statistics_of,
    statistics_of_layers,
)
from styletransfer.methods.feedforward.stylizer import FeedForwardStylizer
from styletransfer.methods.feedforward.transform import Apply, Transform
from styletransfer.moments import Moments, merged, moments
from styletransfer.stylizer import Carry
from styletransfer.stylizer import EncodedStyle as _EncodedStyle

#: Layers of the paper's style loss (section 6.1).
LOSS_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")


@dataclass(frozen=True, eq=False, repr=False)
class EncodedStyle(_EncodedStyle):
    """A style's channel statistics: all that AdaIN takes from a style picture.

    Attributes:
        extractor: Name of the weight set it was encoded with.
        statistics: ``{layer: (mean, std, covariance)}``, (B, C, 1, 1) twice and (B, C, C) or None.
        path: The file of the style picture, or the one it was kept in, which is never overwritten; or None.
        extractor_sha256: Of the weight set's numbers, or None if nobody knows.
        name: What it is called, or None.
    """

    extractor: str
    statistics: Statistics
    path: Path | None = None
    extractor_sha256: str | None = None
    name: str | None = None

    def __repr__(self) -> str:
        return f"<EncodedStyle {self.extractor}, {len(self.statistics)} layers>"

    def tensors(self) -> dict[str, Tensor]:
        """See `request.EncodedStyle.tensors`."""
        return {
            f"{layer}.{part}": value
            for layer, statistics in self.statistics.items()
            for part, value in zip(ChannelStatistics._fields, statistics, strict=True)
            if value is not None
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], info: CodeInfo, where: str) -> EncodedStyle:
        """See `request.EncodedStyle.from_tensors`."""
        layers = [tap for tap in TAPS if {f"{tap}.mean", f"{tap}.std"} <= tensors.keys()]
        statistics = {
            k: ChannelStatistics(tensors[f"{k}.mean"], tensors[f"{k}.std"], tensors.get(f"{k}.covariance"))
            for k in layers
        }
        if not statistics:
            raise WeightsError(f"{where} holds no statistics of any layer. Encode the style again.")
        for layer, (mean, std, covariance) in statistics.items():
            same = mean.shape == std.shape and mean.ndim == 4 and mean.shape[2:] == (1, 1) and mean.numel() > 0
            if not same or not bool(torch.isfinite(mean).all() & torch.isfinite(std).all() & (std >= 0).all()):
                raise WeightsError(
                    f"{where}: the statistics of {layer} are damaged: wanted finite means and deviations of shape "
                    f"(styles, channels, 1, 1), got {tuple(mean.shape)} and {tuple(std.shape)}. "
                    "Encode the style again."
                )
            square = (*mean.shape[:2], mean.shape[1])
            if covariance is not None and covariance.shape != square:
                raise WeightsError(
                    f"{where}: the covariance of {layer} is damaged: wanted the shape {square}, got "
                    f"{tuple(covariance.shape)}. Encode the style again."
                )
        return cls(info.extractor, statistics, extractor_sha256=info.extractor_sha256, name=info.name)

    @classmethod
    def stacked(cls, styles: Sequence[EncodedStyle]) -> EncodedStyle:
        """See `request.EncodedStyle.stacked`."""
        first, *others = styles
        layers = [layer for layer in first.statistics if all(layer in other.statistics for other in others)]
        statistics = {layer: _stacked([style.statistics[layer] for style in styles]) for layer in layers}
        return cls(first.extractor, statistics, extractor_sha256=first.extractor_sha256)

    def save(self, path: str | Path, *, name: str | None = None) -> Path:
        """Write it as a file of one style, which is taken wherever a style picture is.

        Args:
            path: Where to, ending with .safetensors.
            name: What it is called; by default the file's name without its suffix and what a name cannot have.

        Raises:
            OutputError: A file that cannot be written.
        """
        return write_code_file(
            path, [(self._info(name or cleaned(Path(path).stem)), self.tensors())], protected=self._files
        )

    def _info(self, name: str) -> CodeInfo:
        source = None if self.path is None else self.path.name
        return CodeInfo(
            name=name,
            method=ADAIN.name,
            extractor=self.extractor,
            extractor_sha256=self.extractor_sha256,
            source=source,
        )

    @property
    def _files(self) -> tuple[Path, ...]:
        return () if self.path is None else (self.path,)

    @classmethod
    def load(cls, path: str | Path) -> EncodedStyle:
        """Read a file of one style.

        Raises:
            WeightsError: No such file, a file of another kind or of several styles, or statistics that no picture
                has.
        """
        entries = read_code_file(path)
        if len(entries) != 1 or entries[0][0].method != ADAIN.name:
            raise WeightsError(f"{path} holds {len(entries)} styles; styletransfer.codes reads such files.")
        (info, tensors) = entries[0]
        return replace(cls.from_tensors(tensors, info, str(path)), path=Path(path).absolute())


def _stacked(statistics: Sequence[ChannelStatistics]) -> ChannelStatistics:
    covariances = [each.covariance for each in statistics if each.covariance is not None]
    return ChannelStatistics(
        torch.cat([each.mean for each in statistics]),
        torch.cat([each.std for each in statistics]),
        torch.cat(covariances) if len(covariances) == len(statistics) else None,
    )


class AdaIN(Transform):
    """Adaptive instance normalisation of every layer that the decoder reads.

    Args:
        covariance: Whether the channels' covariance is aligned too.
    """

    layers = LOSS_LAYERS

    def __init__(self, *, covariance: bool = False) -> None:
        self.covariance = covariance

    def encode(self, measured: Statistics, extractor: str) -> EncodedStyle:
        """Return the style's channel statistics."""
        return EncodedStyle(extractor, measured)

    def mix(self, styles: Sequence[_EncodedStyle], shares: Sequence[float]) -> EncodedStyle:
        """Mix styles: equation 15, which mixes aligned features, is linear in mean and deviation."""
        statistics = [_statistics(style) for style in styles]
        return EncodedStyle(styles[0].extractor, mix_statistics(statistics, shares))

    def fault(self, style: _EncodedStyle, channels: Mapping[str, int], contents: int) -> str | None:
        """Say why an encoded style cannot be used, or return None."""
        if not isinstance(style, EncodedStyle):
            return "it belongs to another method"
        missing = [layer for layer in channels if layer not in style.statistics]
        if missing:
            return f"it lacks {', '.join(missing)}"
        for layer, wanted in channels.items():
            count, got = style.statistics[layer][0].shape[:2]
            if got != wanted:
                return f"it has {got} channels at {layer}, the extractor {wanted}"
            if count not in (1, contents):
                return f"it holds {count} styles for {contents} contents; give one for all or one for each"
            if self.covariance and style.statistics[layer].covariance is None:
                return f"it lacks the covariance of {layer}, which this decoder's alignment needs"
        return None

    def measure(self, features: Mapping[str, Tensor], masks: Mapping[str, Tensor | None]) -> dict[str, Moments]:
        """Return the moments of the channels in some rows of a picture."""
        return {k: moments(x, masks[k], covariance=self.covariance) for k, x in features.items()}

    def merge(self, measured: Sequence[Mapping[str, Moments]]) -> Statistics:
        """Return the channel statistics of the whole picture."""
        return {
            k: statistics_of(merged([part[k] for part in measured]), covariance=self.covariance)
            for k in measured[0]
        }

    def carried(self, measured: Statistics, carry: Carry, place: str) -> Statistics:
        """Return the content's statistics, smoothed over the frames before."""
        return {
            layer: ChannelStatistics(
                mean=carry.smoothed(f"{place}.{layer}.mean", now.mean),
                std=carry.smoothed(f"{place}.{layer}.std", now.std),
                covariance=None
                if now.covariance is None
                else carry.smoothed(f"{place}.{layer}.covariance", now.covariance),
            )
            for layer, now in measured.items()
        }

    def fit(self, measured: Statistics, style: _EncodedStyle) -> Apply:
        """Return what aligns features (equation 8)."""
        wanted = _statistics(style)
        aligned = {k: aligning(now, wanted[k]) for k, now in measured.items()}
        return lambda features: {k: aligned[k](x) for k, x in features.items()}

    def describe(
        self, measured: Statistics, style: _EncodedStyle, alpha: float | Tensor, own: Statistics | None = None
    ) -> Tensor:
        """Describe the change for the decoder's modulation; with `alpha` 0 nothing changes."""
        wanted = {layer: _statistics(style)[layer] for layer in measured}
        if isinstance(alpha, Tensor) or alpha != 1:
            kept = measured if own is None else own
            measured, wanted = (lerp_statistics(kept, s, alpha) for s in (measured, wanted))
        return describe_change(measured, wanted)

    def style_loss(self, measured: Statistics, style: _EncodedStyle) -> Tensor:
        """Return the paper's style loss (equation 13)."""
        wanted = _statistics(style)
        terms = [
            F.mse_loss(measured[k].mean, wanted[k].mean.expand_as(measured[k].mean))
            + F.mse_loss(measured[k].std, wanted[k].std.expand_as(measured[k].std))
            for k in LOSS_LAYERS
            if k in wanted.keys() & measured.keys()
        ]
        return torch.stack(terms).sum()


class AdaINStylizer(FeedForwardStylizer):
    """AdaIN behind the common interface.

    Example:
        >>> import styletransfer as st
        >>> from styletransfer import samples
        >>> stylizer = st.create_stylizer("adain", alpha=0.8)
        >>> style = stylizer.encode_style(samples.draw("mosaic", long_edge=64))
        >>> stylizer.stylize(samples.draw("valley", long_edge=64), style).image.shape[1]
        3
    """

    declaration: ClassVar[Method] = ADAIN

    def _transform(self) -> Transform:
        return AdaIN(covariance=(self.config.alignment or self.decoder.spec.alignment) == "covariance")


def _statistics(style: _EncodedStyle) -> Statistics:
    return cast(EncodedStyle, style).statistics


def align_and_decode(
    decoder: BaseDecoder, features: Mapping[str, Tensor], statistics: Statistics
) -> tuple[dict[str, Tensor], Tensor]:
    """Align features with a style and decode them, as in training.

    Returns:
        The target features, and the pictures (B, 3, H, W), not clamped.
    """
    before = statistics_of_layers(features, covariance=decoder.spec.alignment == "covariance")
    targets = align_features(features, statistics, before)
    wanted = {layer: statistics[layer] for layer in features}
    change = None if decoder.modulation is None else describe_change(before, wanted)
    return targets, decoder(targets, change)
