"""Feed-forward style transfer in three parts: encode, transform, decode.

The transform is what tells one method from another: it encodes a style's features into what it needs of them,
and applies that to the content's features. What needs the whole picture (`Transform.measure`) is apart from what
is local (`Transform.apply` and decoding), so that tiles, frames and batches can share measurements.
"""

from __future__ import annotations

import dataclasses
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer.errors import OptionError
from styletransfer.features.vgg import VGG19Features
from styletransfer.images import ImageSource, Picture
from styletransfer.methods.feedforward.decoder_files import load_decoder
from styletransfer.methods.feedforward.decoder_parts import BaseDecoder
from styletransfer.stylizer import (
    EncodedStyle,
    OnStep,
    Region,
    Request,
    Step,
    Stylization,
    Stylizer,
    as_picture,
    synchronize,
)
from styletransfer.weights.catalogue import default_decoder

#: Weight of the style loss against the content loss, as pytorch-AdaIN trains with.
_STYLE_WEIGHT = 10.0


class Transform(ABC):
    """What a feed-forward method does between encoding and decoding.

    Attributes:
        layers: Layers of a style that it needs in addition to those that the decoder reads.
    """

    layers: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def encode(self, features: Mapping[str, Tensor], extractor: str) -> EncodedStyle:
        """Encode a style's features, ``{layer: (B, C, h, w)}``, into what `apply` needs."""

    @abstractmethod
    def mix(self, styles: Sequence[EncodedStyle], shares: Sequence[float]) -> EncodedStyle:
        """Return the mixture of several styles."""

    @abstractmethod
    def fault(self, style: EncodedStyle, channels: Mapping[str, int], contents: int) -> str | None:
        """Say why `style` cannot be used for a decoder's ``{layer: channels}`` and a batch, or return None."""

    @abstractmethod
    def measure(self, features: Mapping[str, Tensor], region: Region) -> Any:
        """Return all that `apply` needs to know of the whole content within `region`."""

    @abstractmethod
    def apply(self, features: Mapping[str, Tensor], style: EncodedStyle, measured: Any) -> dict[str, Tensor]:
        """Return the target features, position by position."""

    @abstractmethod
    def describe(self, measured: Any, style: EncodedStyle, alpha: float, own: Any = None) -> Tensor:
        """Describe the change (B, n) to a decoder with modulation; `own` are the measurements of what is kept."""

    @abstractmethod
    def losses(
        self, features: Mapping[str, Tensor], target: Mapping[str, Tensor], style: EncodedStyle, region: Region
    ) -> tuple[Tensor, Tensor]:
        """Return content and style loss of a result's features; `target` holds the deepest layer alone."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Painted:
    """A region and the encoded style that it is given."""

    region: Region
    style: EncodedStyle


class FeedForwardStylizer(Stylizer):
    """Encode, transform, decode, as often as the decoder was trained for.

    Args:
        extractor: Feature extractor; also called the encoder here.
        config: Options: an `AdaINConfig` or one with the same fields.
        decoder: A name, a file, or a `Decoder` that was trained for the extractor; by default the extractor's own.
    """

    def __init__(self, extractor: VGG19Features, config: Any = None, decoder: Any = None) -> None:
        self.extractor = extractor
        self.config = self.declaration.config() if config is None else config
        source = default_decoder(extractor.name) if decoder is None else decoder
        self.decoder: BaseDecoder = load_decoder(source, encoder=extractor, device=extractor.device)
        self.transform = self._transform()
        self._decoder_name = self.decoder.spec.name if isinstance(source, BaseDecoder) else str(source)

    @abstractmethod
    def _transform(self) -> Transform:
        """Return what stands between the encoder and the decoder, once config and decoder are known."""

    @property
    def parts(self) -> Mapping[str, str]:
        """The decoder's name or file."""
        return {"decoder": self._decoder_name}

    @torch.no_grad()
    def encode_style(self, style: ImageSource | Picture) -> EncodedStyle:
        """Encode a style once, to be used for many contents.

        Args:
            style: Path, PIL image, array or tensor; a batch gives one style for each content of a batch.

        Returns:
            A small object that `stylize` takes as style and that can be saved.
        """
        picture = as_picture(style, "style")
        encoded = self._encode(picture.rgb.to(self.extractor.device))
        return dataclasses.replace(encoded, path=picture.path)  # type: ignore[type-var]

    def _encode(self, style: Tensor) -> EncodedStyle:
        features = self.extractor(style, (*self.transform.layers, *self.decoder.taps))
        return self.transform.encode(features, self.extractor.name)

    def _style_source(self, style: Picture | EncodedStyle, content: Picture) -> Tensor | EncodedStyle:
        source = super()._style_source(style, content)
        if isinstance(source, EncodedStyle):
            channels = {layer: self.extractor.channels(layer) for layer in self.decoder.taps}
            fault = self.transform.fault(source, channels, content.rgb.shape[0])
            if fault is not None:
                raise OptionError(f"The encoded style cannot be used here: {fault}. Encode the style again.")
        return source

    @torch.no_grad()
    def _run(self, request: Request, on_step: OnStep | None) -> Stylization:
        synchronize(self.extractor.device)
        began = time.perf_counter()
        painted = [Painted(region=region, style=self._mixed(region)) for region in request.regions]
        target_features, image = self.transfer(request.content, painted, strength=request.strength)
        synchronize(self.extractor.device)
        seconds = time.perf_counter() - began
        terms = self._measure_losses(image, target_features, painted) if self.config.measure else {}
        size = (image.shape[2], image.shape[3])
        history = [Step(step=1, steps=1, seconds=seconds, losses=terms, size=size)]
        if on_step is not None:
            on_step(dataclasses.replace(history[0], image=image.clone()))
        return Stylization(
            image=image,
            method=self.method,
            extractor=self.extractor.name,
            losses=terms,
            history=history,
            seconds=seconds,
            config=self.config,
        )

    def _mixed(self, region: Region) -> EncodedStyle:
        """Return the region's style, encoded and mixed."""
        sources = [style.source for style in region.styles]
        encoded = [self._encode(s) if isinstance(s, Tensor) else s for s in sources]
        return self.transform.mix(encoded, region.shares)

    def measure(self, content: Tensor, painted: Sequence[Painted]) -> list[Any]:
        """Return the measurements of each pass over a whole content, (B, 3, H, W), for `transfer`."""
        measured: list[Any] = []
        self.transfer(content, painted, measured=measured)
        return measured

    def transfer(
        self,
        content: Tensor,
        painted: Sequence[Painted],
        *,
        strength: float | Tensor = 1.0,
        measured: list[Any] | None = None,
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Encode, transform and decode, as often as `passes` says.

        Each pass but the last takes the style in full; the last one mixes its transformed features with those of
        the content itself (equation 14), so that strength 0 reconstructs the content after any number of passes.

        Args:
            content: (B, 3, H, W) on the extractor's device.
            painted: The regions and their styles.
            strength: In [0, 1], multiplied with the option ``alpha``; a number, or a map (1, 1, H, W).
            measured: Measurements of another picture that `content` is a part of, from `measure`. An empty list is
                filled with this content's own.

        Returns:
            The target features of the last pass, and the pictures (B, 3, H, W) in [0, 1].
        """
        height, width = content.shape[2:]
        taps = self.decoder.taps
        features = own = self.extractor(pad_to_multiple(content, self.decoder.spec.multiple), taps)
        own_measured: list[Any] = []
        passes = self.decoder.spec.passes if self.config.passes is None else self.config.passes
        alpha = strength * self.config.alpha
        given = list(measured or [])
        for number in range(passes):
            known = given[number] if given else [self.transform.measure(features, p.region) for p in painted]
            if measured is not None and not given:
                measured.append(known)
            own_measured = own_measured or known
            last = number == passes - 1
            targets, image = self._render(
                features, painted, known, alpha if last else 1.0, own=own, own_measured=own_measured
            )
            if not last:
                features = self.extractor(image.clamp(0, 1), taps)
        return targets, image[:, :, :height, :width].clamp(0, 1).contiguous()

    def _render(
        self,
        features: Mapping[str, Tensor],
        painted: Sequence[Painted],
        measured: Sequence[Any],
        alpha: float | Tensor,
        *,
        own: Mapping[str, Tensor],
        own_measured: Sequence[Any],
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Transform and decode features whose measurements are known, one for each region; the work is local."""
        parts = [self.transform.apply(features, p.style, m) for p, m in zip(painted, measured, strict=True)]
        regions = [p.region for p in painted]
        targets = {k: _joined([part[k] for part in parts], regions, own[k]) for k in features}
        if isinstance(alpha, Tensor) or alpha != 1:
            targets = {k: _blend(x, own[k], alpha) for k, x in targets.items()}
        change = None
        if self.decoder.modulation is not None:
            overall = float(alpha.mean()) if isinstance(alpha, Tensor) else alpha
            areas = [1.0 if r.mask is None else float(r.mask.mean()) for r in regions]
            described = [
                area * self.transform.describe(m, p.style, overall, o)
                for area, m, p, o in zip(areas, measured, painted, own_measured, strict=True)
            ]
            if sum(areas) < 1:  # where no style belongs nothing changes
                still = self.transform.describe(own_measured[0], painted[0].style, 0.0, own_measured[0])
                described.append((1 - sum(areas)) * still)
            change = torch.stack(described).sum(0)
        return targets, self.decoder(targets, change)

    def _measure_losses(
        self, image: Tensor, target_features: Mapping[str, Tensor], painted: Sequence[Painted]
    ) -> dict[str, float]:
        """Return the losses of the paper's training; the style term is weighted as in pytorch-AdaIN."""
        deepest = self.decoder.taps[-1]
        padded = pad_to_multiple(image, self.decoder.spec.multiple)
        features = self.extractor(padded, (*self.transform.layers, deepest))
        target = {deepest: target_features[deepest]}
        pairs = [self.transform.losses(features, target, p.style, p.region) for p in painted]
        terms = {
            "content": float(pairs[0][0]),
            "style": _STYLE_WEIGHT * sum(float(p) for _, p in pairs) / len(pairs),
        }
        return terms | {"total": sum(terms.values())}


def _joined(parts: Sequence[Tensor], regions: Sequence[Region], own: Tensor) -> Tensor:
    """Put the regions' target features together, (B, C, h, w) each; where none is, the content's own stay."""
    joined = own
    for part, region in zip(parts, regions, strict=True):
        mask = region.mask_at((own.shape[2], own.shape[3]))
        if mask is None:
            return part
        joined = joined + mask * (part - own)
    return joined


def _blend(targets: Tensor, own: Tensor, alpha: float | Tensor) -> Tensor:
    """Equation 14: `alpha` of the target features and the rest of the content's own, (B, C, h, w) each."""
    if isinstance(alpha, Tensor):
        height, width = targets.shape[2:]
        # A map covers the picture, not the rows and columns that were padded to it.
        alpha = F.interpolate(alpha, (height, width), mode="bilinear", antialias=True, align_corners=False)
    return alpha * targets + (1 - alpha) * own


def pad_to_multiple(pictures: Tensor, multiple: int) -> Tensor:
    """Reflect (B, 3, H, W) pictures at the bottom and right until both sides are multiples."""
    height, width = pictures.shape[2:]
    bottom, right = -height % multiple, -width % multiple
    return F.pad(pictures, (0, right, 0, bottom), mode="reflect") if bottom or right else pictures
