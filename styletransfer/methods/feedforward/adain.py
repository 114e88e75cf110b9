"""Feed-forward arbitrary style transfer: AdaIN, Huang and Belongie, ICCV 2017.

Encode content and style, give the content's features the style's channel statistics, decode. A decoder that was
trained for it repeats this on its own result.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor

from styletransfer import images, losses
from styletransfer._checks import flag, integer, known_options, number, style_shares
from styletransfer.errors import ImageError, OptionError, WeightsError
from styletransfer.features.vgg import VGG19Features
from styletransfer.files import write_atomically
from styletransfer.functional import align, channel_stats
from styletransfer.images import ImageSource, Picture
from styletransfer.layers import BY_TAP, TAPS
from styletransfer.methods.feedforward.decoder_files import MOST_PASSES, Decoder, default_decoder, load_decoder
from styletransfer.methods.feedforward.modulation import describe_change
from styletransfer.stylizer import OnStep, Step, Stylization, Stylizer, option, synchronize
from styletransfer.weights.tensor_files import read_tensors

#: Layers of the paper's style loss (section 6.1).
_LOSS_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
#: Weight of the style loss against the content loss, as pytorch-AdaIN trains with.
_STYLE_WEIGHT = 10.0
_STYLE_FORMAT = "styletransfer-encoded-style-1"

Statistics = dict[str, tuple[Tensor, Tensor]]


@dataclass(frozen=True, kw_only=True)
class AdaINConfig:
    """Options of AdaIN.

    Raises:
        OptionError: A value outside its range.
    """

    alpha: float = option(1.0, "strength: 0 reconstructs the content, 1 takes the style in full; in [0, 1]")
    style_mix: tuple[float, ...] | None = option(None, "share of each style, > 0; equal if absent")
    passes: int | None = option(
        None, "times the picture is put through, 1 to 8; the decoder's own number if absent"
    )
    measure: bool = option(True, "encode the result once more for its losses; off is faster")

    def __post_init__(self) -> None:
        """Validate every field."""
        object.__setattr__(self, "alpha", number(self.alpha, "alpha", low=0.0, high=1.0))
        object.__setattr__(self, "style_mix", style_shares(self.style_mix))
        if self.passes is not None:
            integer(self.passes, "passes", low=1, high=MOST_PASSES)
        flag(self.measure, "measure")


@dataclass(frozen=True, eq=False)
class EncodedStyle:
    """A style's channel statistics: all that AdaIN takes from a style picture. A few kilobytes.

    Attributes:
        extractor: Name of the weight set it was encoded with.
        statistics: ``{layer: (mean, std)}``, each (B, C, 1, 1).
    """

    extractor: str
    statistics: Statistics

    def save(self, path: str | Path) -> Path:
        """Write it as safetensors.

        Raises:
            OutputError: A file that cannot be written.
        """
        tensors = {
            f"{layer}.{part}": value.detach().cpu().contiguous()
            for layer, pair in self.statistics.items()
            for part, value in zip(("mean", "std"), pair, strict=True)
        }
        stored = save(tensors, metadata={"format": _STYLE_FORMAT, "extractor": self.extractor})
        return write_atomically(Path(path), lambda file: file.write(stored))

    @classmethod
    def load(cls, path: str | Path) -> EncodedStyle:
        """Read what `save` wrote.

        Raises:
            WeightsError: No such file, or a file of another kind.
        """
        tensors, metadata = read_tensors(Path(path))
        if metadata.get("format") != _STYLE_FORMAT or "extractor" not in metadata:
            raise WeightsError(f"{path} is no encoded style; AdaINStylizer.encode_style(...).save makes one.")
        layers = [tap for tap in TAPS if {f"{tap}.mean", f"{tap}.std"} <= tensors.keys()]
        return cls(metadata["extractor"], {k: (tensors[f"{k}.mean"], tensors[f"{k}.std"]) for k in layers})


class AdaINStylizer(Stylizer):
    """AdaIN behind the common interface.

    Args:
        extractor: Feature extractor; also called the encoder here.
        decoder: A decoder that was trained for it.
        config: Options.

    Example:
        >>> import styletransfer as st
        >>> from styletransfer import samples
        >>> stylizer = st.create_stylizer("adain", alpha=0.8)
        >>> style = stylizer.encode_style(samples.draw("mosaic", long_edge=64))
        >>> stylizer.stylize(samples.draw("valley", long_edge=64), style).image.shape[1]
        3
    """

    method: ClassVar[str] = "adain"
    summary: ClassVar[str] = "feed-forward, any style: align channel statistics, decode (Huang and Belongie 2017)"
    config_type: ClassVar[type] = AdaINConfig

    def __init__(self, extractor: VGG19Features, decoder: Decoder, config: AdaINConfig | None = None) -> None:
        self.extractor = extractor
        self.decoder = load_decoder(decoder, encoder=extractor.name, device=extractor.device)
        self.config = config or AdaINConfig()

    @classmethod
    def create(cls, extractor: VGG19Features, options: Mapping[str, Any]) -> AdaINStylizer:
        """See `Stylizer.create`; one more option is ``decoder``: a name, a path or a `Decoder`."""
        names = [field.name for field in dataclasses.fields(AdaINConfig)]
        known_options(options, [*names, "decoder"], "Method 'adain'")
        chosen = dict(options)
        source = chosen.pop("decoder", None)
        if source is None:
            source = default_decoder(extractor.name)
        decoder = load_decoder(source, encoder=extractor.name, device=extractor.device)
        return cls(extractor, decoder, AdaINConfig(**chosen))

    @torch.no_grad()
    def encode_style(self, style: ImageSource | Picture) -> EncodedStyle:
        """Encode a style once, to be used for many contents.

        Args:
            style: Path, PIL image, array or tensor; a batch gives one style for each content of a batch.

        Returns:
            A small object that `stylize` takes as style and that can be saved.
        """
        picture = style if isinstance(style, Picture) else images.read_picture(style, what="style")
        features = self.extractor(picture.rgb.to(self.extractor.device), _LOSS_LAYERS + self.decoder.taps)
        return EncodedStyle(self.extractor.name, statistics_of_layers(features))

    def _prepare_style(self, item: Any, content: Picture) -> Any:
        if not isinstance(item, EncodedStyle):
            return super()._prepare_style(item, content)
        if item.extractor != self.extractor.name:
            raise OptionError(
                f"The style was encoded with {item.extractor!r}, this stylizer uses {self.extractor.name!r}; "
                "encode it again with this stylizer's encode_style."
            )
        missing = [layer for layer in self.decoder.taps if layer not in item.statistics]
        if missing:
            raise OptionError(f"The encoded style lacks {', '.join(missing)}; encode it again.")
        contents, styles = content.rgb.shape[0], item.statistics[self.decoder.taps[0]][0].shape[0]
        if styles not in (1, contents):
            raise ImageError(
                f"{contents} content picture(s) with {styles} encoded styles in one batch; "
                "give one style for all or one for each."
            )
        device = self.extractor.device
        moved = {k: (m.to(device), s.to(device)) for k, (m, s) in item.statistics.items()}
        return dataclasses.replace(item, statistics=moved)

    @torch.no_grad()
    def _run(
        self, content: Tensor, styles: list[Any], style_mix: tuple[float, ...], on_step: OnStep | None
    ) -> Stylization:
        synchronize(self.extractor.device)
        began = time.perf_counter()
        encoded = [s if isinstance(s, EncodedStyle) else self.encode_style(s) for s in styles]
        statistics = mix_statistics([style.statistics for style in encoded], style_mix)
        target_features, image = self.transfer(content, statistics)
        synchronize(self.extractor.device)
        seconds = time.perf_counter() - began
        terms = self._measure(image, target_features, statistics) if self.config.measure else {}
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

    def transfer(self, content: Tensor, statistics: Statistics) -> tuple[dict[str, Tensor], Tensor]:
        """Encode, align and decode, as often as `passes` says.

        Each pass but the last takes the style in full; the last one mixes its aligned features with those of the
        content itself (equation 14), so that `alpha` = 0 reconstructs the content after any number of passes.

        Args:
            content: (B, 3, H, W) on the extractor's device.
            statistics: ``{layer: (mean, std)}`` for the decoder's taps.

        Returns:
            The target features of the last pass, and the pictures (B, 3, H, W) in [0, 1].
        """
        height, width = content.shape[2:]
        padded = pad_to_multiple(content, BY_TAP[self.decoder.taps[-1]].stride)
        own = features = self.extractor(padded, self.decoder.taps)
        passes = self.decoder.spec.passes if self.config.passes is None else self.config.passes
        for _ in range(passes - 1):
            _, earlier = align_and_decode(self.decoder, features, statistics)
            features = self.extractor(earlier.clamp(0, 1), self.decoder.taps)
        targets, image = align_and_decode(self.decoder, features, statistics, self.config.alpha, own)
        return targets, image[:, :, :height, :width].clamp(0, 1).contiguous()

    def _measure(
        self, image: Tensor, target_features: Mapping[str, Tensor], statistics: Statistics
    ) -> dict[str, float]:
        """The paper's equations 12 and 13 of the result, the style term weighted as in pytorch-AdaIN."""
        deepest = self.decoder.taps[-1]
        layers = [layer for layer in _LOSS_LAYERS if layer in statistics]
        padded = pad_to_multiple(image, BY_TAP[deepest].stride)
        features = self.extractor(padded, [*layers, deepest])
        content = losses.content_loss(features[deepest], target_features[deepest])
        style = torch.stack([losses.moment_style_loss(features[k], *statistics[k]) for k in layers]).sum()
        terms = {"content": float(content), "style": _STYLE_WEIGHT * float(style)}
        return terms | {"total": sum(terms.values())}


def align_features(
    features: Mapping[str, Tensor],
    statistics: Statistics,
    alpha: float = 1.0,
    own: Mapping[str, Tensor] | None = None,
    before: Statistics | None = None,
) -> dict[str, Tensor]:
    """Align each layer of `features` with a style: Huang and Belongie (2017), equations 8 and 14.

    Args:
        features: ``{layer: (B, C, h, w)}``.
        statistics: The style's ``{layer: (mean, std)}``.
        alpha: Share of the aligned features.
        own: What they are mixed with: the content's own features; by default `features`.
        before: The statistics of `features`, if they are known.
    """
    kept = features if own is None else own
    aligned = {}
    for layer, x in features.items():
        target = align(x, *statistics[layer], None if before is None else before[layer])
        aligned[layer] = target if alpha == 1 else alpha * target + (1 - alpha) * kept[layer]
    return aligned


def align_and_decode(
    decoder: Decoder,
    features: Mapping[str, Tensor],
    statistics: Statistics,
    alpha: float = 1.0,
    own: Mapping[str, Tensor] | None = None,
) -> tuple[dict[str, Tensor], Tensor]:
    """Put a picture's features through `align_features` and a decoder.

    A decoder with a modulation is also told what the alignment changes. With `alpha` below 1 that is told as for
    the mixture: at 0 nothing changes.

    Args:
        decoder: The decoder.
        features: ``{tap: (B, C, h, w)}``, of all its taps.
        statistics: As for `align_features`.
        alpha: As for `align_features`.
        own: As for `align_features`.

    Returns:
        The target features, and the pictures (B, 3, H, W), not clamped.
    """
    before, wanted = statistics_of_layers(features), {layer: statistics[layer] for layer in features}
    targets = align_features(features, statistics, alpha, own, before)
    if decoder.modulation is None:
        return targets, decoder(targets)
    if alpha != 1:
        kept = before if own is None else statistics_of_layers(own)
        before, wanted = (mix_statistics([part, kept], (alpha, 1 - alpha)) for part in (before, wanted))
    return targets, decoder(targets, describe_change(before, wanted))


def statistics_of_layers(features: Mapping[str, Tensor]) -> Statistics:
    """Return mean and standard deviation of each layer's channels."""
    return {layer: channel_stats(x) for layer, x in features.items()}


def mix_statistics(statistics: Sequence[Statistics], style_mix: Sequence[float]) -> Statistics:
    """Mix styles: equation 15 of the paper, which mixes aligned features, is linear in mean and deviation."""
    layers = [layer for layer in statistics[0] if all(layer in other for other in statistics)]

    def mixed(layer: str, part: int) -> Tensor:
        parts = [share * s[layer][part] for share, s in zip(style_mix, statistics, strict=True)]
        return sum(parts[1:], start=parts[0])  # broadcasts one style for all with one style for each

    return {layer: (mixed(layer, 0), mixed(layer, 1)) for layer in layers}


def pad_to_multiple(pictures: Tensor, multiple: int) -> Tensor:
    """Reflect (B, 3, H, W) pictures at the bottom and right until both sides are multiples."""
    height, width = pictures.shape[2:]
    bottom, right = -height % multiple, -width % multiple
    return F.pad(pictures, (0, right, 0, bottom), mode="reflect") if bottom or right else pictures
