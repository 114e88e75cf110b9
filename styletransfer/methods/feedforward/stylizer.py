"""Feed-forward style transfer in three parts: encode, transform, decode.

Pictures may have any size: large ones are encoded and decoded in strips of rows (`strips`), with the result that
the whole would give.
"""

from __future__ import annotations

import dataclasses
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer import engines
from styletransfer.errors import OptionError
from styletransfer.features.vgg import VGG19Features
from styletransfer.images import ImageSource, Picture
from styletransfer.masking import place_style_mask
from styletransfer.memory import is_lack
from styletransfer.method import Forecast
from styletransfer.methods.feedforward.decoder_files import load_decoder
from styletransfer.methods.feedforward.decoder_parts import BaseDecoder
from styletransfer.methods.feedforward.forecasting import forecast
from styletransfer.methods.feedforward.rendering import Maps, Targets, rows_of
from styletransfer.methods.feedforward.strips import Budget, EncodedPicture, budget_for, decode
from styletransfer.methods.feedforward.transform import Painted, Transform
from styletransfer.precision import name_of, resolve
from styletransfer.request import mask_at
from styletransfer.stylizer import (
    Carry,
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
#: Where masks cover less than this, the content is kept whatever was painted.
_BLACK = 1e-6


class FeedForwardStylizer(Stylizer):
    """Encode, transform, decode, as often as the decoder was trained for.

    Args:
        extractor: Feature extractor; also called the encoder here.
        config: Options, a `FeedForwardConfig`.
        decoder: A name, a file, or a `Decoder` that was trained for the extractor; by default the extractor's own.
    """

    def __init__(self, extractor: VGG19Features, config: Any = None, decoder: Any = None) -> None:
        self.extractor = extractor
        self.config = self.declaration.config() if config is None else config
        source = default_decoder(extractor.name) if decoder is None else decoder
        self.decoder: BaseDecoder = load_decoder(source, encoder=extractor, device=extractor.device)
        dtype = resolve(self.config.precision, extractor.device)
        self.config = self.config.replaced(precision=name_of(dtype))  # records tell what "auto" was
        self._networks = self._load(dtype)
        self.transform = self._transform()
        self._decoder_name = self.decoder.spec.name if isinstance(source, BaseDecoder) else str(source)

    def _load(self, dtype: torch.dtype) -> engines.Networks:
        """Return extractor and decoder as the engine computes them."""
        decoder = self.decoder if dtype == torch.float32 else self.decoder.cast(dtype)
        encoder = self.extractor.cast(dtype)
        encoder = encoder.hastened() if self.config.engine == "torch" else encoder  # others have ways of their own
        return engines.load(self.config.engine, encoder, decoder)

    def __copy__(self) -> Self:
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def __getstate__(self) -> dict[str, Any]:
        # Sessions of other runtimes cannot be pickled or copied; they are opened again where they are wanted.
        return {name: value for name, value in self.__dict__.items() if name != "_networks"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._networks = self._load(resolve(self.config.precision, self.extractor.device))

    @abstractmethod
    def _transform(self) -> Transform:
        """Return what stands between the encoder and the decoder, once config and decoder are known."""

    @property
    def parts(self) -> Mapping[str, str]:
        """The decoder's name or file."""
        return {"decoder": self._decoder_name}

    @property
    def passes(self) -> int:
        """How often a picture is encoded, transformed and decoded."""
        chosen: int | None = self.config.passes
        return self.decoder.spec.passes if chosen is None else chosen

    def _forecast(self, size: tuple[int, int], batch: int) -> Forecast:
        budget = budget_for(self.extractor.device)
        return forecast(self.decoder, self.extractor, size, batch, self.passes, budget)

    @torch.no_grad()
    def encode_style(
        self, style: ImageSource | Picture, mask: ImageSource | Picture | None = None
    ) -> EncodedStyle:
        """Encode a style once, to be used for many contents.

        Args:
            style: Path, PIL image, array or tensor; a batch gives one style for each content of a batch.
            mask: A grey picture, white over the part of the style that is looked at; by default all of it.

        Returns:
            A small object that `stylize` takes as style and that can be saved.
        """
        picture = as_picture(style, "style")
        size = picture.rgb.shape[2], picture.rgb.shape[3]
        part = None if mask is None else place_style_mask(as_picture(mask, "style mask"), size, 1)
        source, part = (None if x is None else x.to(self.extractor.device) for x in (picture.rgb, part))
        encoded = self._encode(cast(Tensor, source), budget_for(self.extractor.device), part)
        name = None if picture.path is None else picture.path.stem
        known = {"path": picture.path, "extractor_sha256": self._extractor_sha256, "name": name}
        return dataclasses.replace(encoded, **known)  # type: ignore[type-var]

    def _encode(self, style: Tensor, budget: Budget, part: Tensor | None = None) -> EncodedStyle:
        layers = dict.fromkeys((*self.transform.layers, *self.decoder.taps))
        seen = self._encoded_picture(style, layers, dataclasses.replace(budget, kept=0))
        counted = None if part is None else self._maps(part, layers, seen.size)
        return self.transform.encode(self._measured(seen, counted), self.extractor.name)

    def _encoded_picture(self, picture: Tensor, taps: Iterable[str], budget: Budget) -> EncodedPicture:
        return EncodedPicture(self._networks.encode, picture, tuple(taps), budget, widest=self.extractor.widths[0])

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
        budget = budget_for(self.extractor.device)
        while True:
            try:
                image, terms, seconds = self._stylized(request, budget, began)
                break
            except (MemoryError, RuntimeError) as error:
                thinner = budget.thinner()
                if not is_lack(error) or thinner is None:
                    raise
            budget = thinner  # outside the handler, which holds on to what could not be finished
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

    def _stylized(self, request: Request, budget: Budget, began: float) -> tuple[Tensor, dict[str, float], float]:
        """Return the picture, its losses if they are wanted, and the seconds that the picture took.

        Each region is painted by itself over the whole content, and cut out by its mask. To blend features takes
        one pass for all regions, but carries each style as far beyond its mask as the decoder reaches, and a
        modulated decoder, which is told of one change, knows no regions.
        """
        painted = [Painted(region=r, style=self._mixed(r, budget)) for r in request.regions]
        covered = None if len(painted) == 1 else cast(Tensor, request.covered).clamp_min(_BLACK)
        image, targets = None, list[Tensor | None]()
        for number, each in enumerate(painted):
            carry = None if request.carry is None else partial(self._carried, request.carry, number)
            target, own = self.transfer(
                request.content, each, strength=request.strength, budget=budget, carried=carry
            )
            if covered is not None:
                own = own.mul_(cast(Tensor, each.region.mask) / covered)
            image = own if image is None else image.add_(own)
            targets.append(target)
        synchronize(self.extractor.device)
        seconds = time.perf_counter() - began
        picture = cast(Tensor, image)
        if covered is not None:
            picture = torch.where(covered > _BLACK, picture, request.content)
        terms = self._measure_losses(picture, targets, painted, budget) if self.config.measure else {}
        return picture, terms, seconds

    def _carried(self, carry: Carry, region: int, measured: Any, number: int) -> Any:
        return self.transform.carried(measured, carry, f"{region}.{number}")

    def _mixed(self, region: Region, budget: Budget) -> EncodedStyle:
        """Return the region's style, encoded and mixed."""
        encoded = [
            self._encode(s.source, budget, s.looked_at) if isinstance(s.source, Tensor) else s.source
            for s in region.styles
        ]
        return self.transform.mix(encoded, region.shares)

    def measure(self, content: Tensor, painted: Painted) -> list[Any]:
        """Return the measurements of each pass over a whole content, (B, 3, H, W), for `transfer`."""
        measured: list[Any] = []
        self.transfer(content, painted, measured=measured)
        return measured

    def transfer(
        self,
        content: Tensor,
        painted: Painted,
        *,
        strength: float | Tensor = 1.0,
        measured: list[Any] | None = None,
        budget: Budget | None = None,
        carried: Callable[[Any, int], Any] | None = None,
    ) -> tuple[Tensor | None, Tensor]:
        """Encode, transform and decode a whole content in one style, as often as `passes` says.

        Each pass but the last takes the style in full; the last one mixes its transformed features with those of
        the content itself (equation 14), so that strength 0 reconstructs the content after any number of passes.

        Args:
            content: (B, 3, H, W) on the extractor's device.
            painted: The style, and the region whose statistics become the style's.
            strength: In [0, 1], multiplied with the option ``alpha``; a number, or a map (1 or B, 1, H, W).
            measured: Measurements of another picture that `content` is a part of, from `measure`. An empty list is
                filled with this content's own.
            budget: Memory to work in; by default what is there allows.
            carried: From the measurements of a pass, and its number, to those that are used.

        Returns:
            The target features of the last pass at the decoder's deepest layer, if losses are to be measured, and
            the pictures (B, 3, H, W) in [0, 1].
        """
        height, width = content.shape[2:]
        budget = budget_for(content.device) if budget is None else budget
        taps = self.decoder.taps
        picture = pad_to_multiple(content, self.decoder.spec.multiple)
        size, batch = (picture.shape[2], picture.shape[3]), picture.shape[0]
        mask = None if painted.region.mask is None else self._maps(painted.region.mask, taps, size)
        alpha = strength * self.config.alpha
        mixes = isinstance(alpha, Tensor) or alpha != 1
        given, own, own_measured = list(measured or []), None, None
        deepest: Tensor | None = None
        for number in range(self.passes):
            seen = self._encoded_picture(picture, taps, budget)
            known = self._measured(seen, mask, given[number] if given else None)
            if measured is not None and not given:
                measured.append(known)
            known = known if carried is None else carried(known, number)
            own = own or (seen if mixes else None)  # else the first pass would be kept for nothing
            own_measured = own_measured or known
            last = number == self.passes - 1
            share = alpha if last else 1.0
            targets = Targets(
                seen=seen,
                own=own,
                fit=self.transform.fit(known, painted.style),
                alpha=self._maps(share, taps, size) if isinstance(share, Tensor) else float(share),
            )
            changes = self.decoder.changes(self._change(painted, known, own_measured, share))
            picture = decode(self._networks.stage, self.decoder.spec, targets, size, batch, changes, budget)
            picture = picture.float().clamp_(0, 1)
            if last and self.config.measure:
                deepest = targets(taps[-1:], 0, size[0])[taps[-1]]
            del seen, targets  # the next pass has features of its own
        return deepest, picture[:, :, :height, :width].contiguous()

    def _maps(self, mask: Tensor, taps: Iterable[str], size: tuple[int, int]) -> Maps:
        """Return a mask, or a map of strengths, at the layers' sizes for a picture of `size`."""
        # It covers the picture, not the rows and columns that were padded to it: a fraction of a position.
        return {tap: mask_at(mask, self.extractor.feature_size(tap, size)).contiguous() for tap in taps}

    def _measured(self, seen: EncodedPicture, mask: Maps | None, known: Any = None) -> Any:
        """Encode a picture, and measure it where the mask is unless that is `known`."""
        parts = []
        for top, features in seen.strips():
            if known is None:
                rows = {k: None if mask is None else rows_of(mask, k, top, x) for k, x in features.items()}
                parts.append(self.transform.measure(features, rows))
        return self.transform.merge(parts) if known is None else known

    def _change(self, painted: Painted, measured: Any, own: Any, alpha: float | Tensor) -> Tensor | None:
        """Describe the change in statistics to a decoder with modulation."""
        if self.decoder.modulation is None:
            return None
        overall = alpha.mean(dim=(1, 2, 3), keepdim=True) if isinstance(alpha, Tensor) else alpha
        return self.transform.describe(measured, painted.style, overall, own)

    def _measure_losses(
        self, image: Tensor, targets: Sequence[Tensor | None], painted: Sequence[Painted], budget: Budget
    ) -> dict[str, float]:
        """Return the losses of the paper's training; the style term is weighted as in pytorch-AdaIN.

        A region's terms count by its share of the picture.
        """
        deepest = self.decoder.taps[-1]
        layers = tuple(dict.fromkeys((*self.transform.layers, deepest)))
        picture = pad_to_multiple(image, self.decoder.spec.multiple)
        size = (picture.shape[2], picture.shape[3])
        held = sum(target.nbytes for target in targets if target is not None)
        terms = {"content": 0.0, "style": 0.0}
        for each, target in zip(painted, targets, strict=True):
            seen = self._encoded_picture(picture, layers, dataclasses.replace(budget, kept=held))
            mask = None if each.region.mask is None else self._maps(each.region.mask, layers, size)
            style = self.transform.style_loss(self._measured(seen, mask), each.style)
            apart = (seen.kept[deepest] - cast(Tensor, target)).square()
            apart = apart if mask is None else apart * mask[deepest]
            area = 1.0 if each.region.mask is None else float(each.region.mask.mean())
            terms["content"] += float(apart.mean())
            terms["style"] += _STYLE_WEIGHT * area * float(style)
        return terms | {"total": sum(terms.values())}


def pad_to_multiple(pictures: Tensor, multiple: int) -> Tensor:
    """Reflect (B, 3, H, W) pictures at the bottom and right until both sides are multiples."""
    height, width = pictures.shape[2:]
    bottom, right = -height % multiple, -width % multiple
    return F.pad(pictures, (0, right, 0, bottom), mode="reflect") if bottom or right else pictures
