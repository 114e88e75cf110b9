"""Train a decoder for AdaIN.

Two phases. First an autoencoder: features that are not aligned have to give the picture back, which is checked
before anything else is asked; or, where another decoder is imitated, its pictures. Then style transfer: content
loss, moment and Gram style losses and a distance of colours, each style term divided by what the untouched content
scores, so that pairs and layers count equally.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint as recomputed

from styletransfer.features.vgg import VGG19Features
from styletransfer.methods.feedforward.adain import align_and_decode
from styletransfer.methods.feedforward.decoder_files import BaseDecoder
from styletransfer.methods.feedforward.statistics import Statistics, statistics_of_layers
from styletransfer.training.data.crops import CropBatch, Crops
from styletransfer.training.data.folder import PictureFolder
from styletransfer.training.data.styles import StyleBank, StyleTargets
from styletransfer.training.decoder.config import DecoderConfig
from styletransfer.training.decoder.network import export_decoder
from styletransfer.training.engine.task import Band, Losses, Task
from styletransfer.training.statistics import Statistics as Judged
from styletransfer.training.statistics import color_quantiles, statistics_of
from styletransfer.training.teachers import LossNetwork

#: Share of the usual untouched gap that is added to a pair's own. Near pairs differ in texture, not in colour;
#: divided by the usual gap alone they would count for nothing, and texture would not be learnt.
_USUAL_SHARE = 0.1
#: What is added to a pair's untouched distance of colours, which is between 0 and about 0.5.
_USUAL_COLOR = 0.02
#: What is added to the variance of a picture that is imitated: flat ones have next to none.
_FLAT = 1e-3
#: Pairs that the usual gaps are first measured on.
_PROBES = 8
#: How much of the usual gaps a step replaces.
_FRESH = 0.01
#: Contents and styles in a grid of samples.
_SAMPLES = (3, 4)


class DecoderTask(Task):
    """Holds the networks and losses of a decoder's training."""

    kind: ClassVar[str] = "decoder"

    def __init__(
        self,
        encoder: VGG19Features,
        network: LossNetwork,
        content: Crops,
        styles: StyleBank,
        config: DecoderConfig,
        decoder: BaseDecoder,
        *,
        imitated: BaseDecoder | None = None,
        gradient_checkpointing: bool = False,
    ) -> None:
        self.encoder = encoder
        self.network = network
        self.content = content
        self.styles = styles
        self.config = config
        self.module: BaseDecoder = decoder.requires_grad_(True)
        #: What the first phase learns to paint like.
        self.imitated = None if imitated is None else imitated.requires_grad_(False)
        self.gradient_checkpointing = gradient_checkpointing
        self.sources = (content,)
        #: Mean gap of untouched contents, per layer.
        self.usual: dict[str, float] = {}
        self.bands = {
            "content": Band(3.0, "Contents are being lost: raise content_weight or lower moment_weight."),
            "moment": Band(0.8, "No style is being taken: train longer, or raise moment_weight."),
            "range": Band(0.05, "Pictures leave [0, 1]: raise range_weight or lower the learning rate."),
        }

    @property
    def folders(self) -> Sequence[PictureFolder]:
        """Contents and styles."""
        return (self.content.folder, self.styles.folder)

    def phase(self, step: int) -> str:
        """Return ``"autoencoder"``, or ``"imitation"`` where a decoder is imitated, then ``"style"``."""
        if step > self.config.autoencoder_steps:
            return "style"
        return "autoencoder" if self.imitated is None else "imitation"

    def losses(self, batches: Sequence[CropBatch], step: int, slots: range) -> Losses:
        """Return the losses of one part of a step."""
        contents = batches[0].pictures.to(self.encoder.device)
        if self.phase(step) == "imitation":
            return self.imitation_losses(contents, step, slots)
        every = self.config.identity_every
        if self.phase(step) == "autoencoder" or (every and step % every == 0):
            return self.identity_losses(contents)
        return self.style_losses(contents, step, slots)

    def identity_losses(self, contents: Tensor) -> Losses:
        """Decode features that were not aligned: pixels and the encoder's features must come back."""
        features = self.encoder(contents, self.config.layers)
        images = self._recomputed(self._decode_own, features).float()
        again = self.encoder(images, self.config.layers)
        apart = torch.stack([_relative_change(again[k], f) for k, f in features.items()]).mean()
        pixels = F.mse_loss(images, contents)
        return Losses(
            {
                "identity": apart + self.config.pixel_weight * pixels,
                "identity range": self.config.range_weight * _outside(images),
            },
            shown={"identity features": apart, "identity pixels": pixels},
        )

    def imitation_losses(self, contents: Tensor, step: int, slots: range) -> Losses:
        """Decode aligned features in one pass: the pictures must be those of the imitated decoder."""
        styles = dict(self.styles.draw(step, slots).encoded)
        features = self.encoder(contents, self.config.layers)
        with torch.no_grad():
            wanted = align_and_decode(cast(BaseDecoder, self.imitated), features, styles)[1].float()
        images = self._recomputed(self._decode_aligned, features, styles).float()
        apart = (images - wanted).square().mean(dim=(1, 2, 3)) / (wanted.var(dim=(1, 2, 3)) + _FLAT)
        return Losses({"imitation": self.config.pixel_weight * apart.mean()}, shown={"imitation": apart.mean()})

    def style_losses(self, contents: Tensor, step: int, slots: range) -> Losses:
        """Stylize; compare content with the untouched picture, style with the style's statistics."""
        config, network = self.config, self.network
        self.usual = self.usual or self._usual_gaps()
        with torch.no_grad():
            before = network(contents)
            untouched = {layer: statistics_of(before[layer]) for layer in network.style_layers}

        def distance(position: int, style: StyleTargets) -> float:
            return self._distance({k: v.at(position) for k, v in untouched.items()}, style.judged)

        styles = self.styles.draw(step, slots, among=config.nearest_of, distance=distance)
        images, outside = contents, contents.new_zeros(())
        passes = self.module.spec.passes
        for _ in range(passes):
            # Gradients run through all passes: only the last result is measured, the earlier ones prepare it.
            images = self._recomputed(self._put_through, images.clamp(0, 1), dict(styles.encoded)).float()
            outside = outside + _outside(images) / passes
        after = self._recomputed(network, images)
        now = {layer: statistics_of(after[layer]) for layer in network.style_layers}
        moment, gram, deep, observed = self._style_gaps(now, untouched, styles.judged)
        shown = {
            "content": _relative_change(after[network.content_layer], before[network.content_layer]),
            "moment": moment,
            "gram": gram,
            "deep": deep,
            "color": _color_gap(images, contents, styles.colors),
            "range": outside,
        }
        rise = self._ramp(step)
        weights = {
            "content": config.content_weight,
            "moment": rise * config.moment_weight,
            "gram": rise * config.gram_weight,
            "deep": rise * config.deep_weight,
            "color": config.color_weight,
            "range": config.range_weight,
        }
        return Losses(
            {f"weighted {name}": weight * shown[name] for name, weight in weights.items()}, shown, observed
        )

    def _style_gaps(
        self, now: Mapping[str, Judged], untouched: Mapping[str, Judged], target: Mapping[str, Judged]
    ) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        """Return gaps over the untouched content's, and the latter themselves.

        The gaps are the moments' and the Gram matrices', means of all layers, and the deepest Gram matrix's.
        """
        terms: dict[str, list[Tensor]] = {"moment": [], "gram": []}
        observed = {}
        for layer in target:
            for kind, found in terms.items():
                gap = getattr(now[layer], f"{kind}_gap")(target[layer])
                alone = getattr(untouched[layer], f"{kind}_gap")(target[layer])
                observed[f"{kind} {layer}"] = alone.mean()
                found.append((gap / (alone + _USUAL_SHARE * self.usual[f"{kind} {layer}"])).mean())
        moments, grams = torch.stack(terms["moment"]), torch.stack(terms["gram"])
        return moments.mean(), grams.mean(), grams[-1], observed

    def probe(self, images: Tensor) -> Losses:
        """Return the style losses of images, as if every usual gap were 1."""
        kept, self.usual = self.usual, dict.fromkeys(self._gap_names(), 1.0)
        try:
            return self.style_losses(images, 0, range(1))
        finally:
            self.usual = kept

    def _gap_names(self) -> list[str]:
        return [f"{kind} {layer}" for layer in self.network.style_layers for kind in ("moment", "gram")]

    def _distance(self, content: Mapping[str, Judged], style: Mapping[str, Judged]) -> float:
        """Return the distance of one content and one style in their moments; layers count equally."""
        gaps = {k: content[k].moment_gap(target.to(content[k].mean.device)) for k, target in style.items()}
        return sum(float(gap) / self.usual[f"moment {layer}"] for layer, gap in gaps.items())

    def observe(self, observed: Mapping[str, float]) -> None:
        """Follow the usual gaps, the same on all processes."""
        for name, value in observed.items():
            self.usual[name] = (1 - _FRESH) * self.usual.get(name, value) + _FRESH * value

    @torch.no_grad()
    def _usual_gaps(self) -> dict[str, float]:
        """Measure the usual gaps on a few pairs, which are the same for every process and part of a batch."""
        found: dict[str, float] = {}
        for slot in (range(n, n + 1) for n in range(_PROBES)):
            contents = self.content.batch(0, slot).pictures.to(self.encoder.device)
            targets = self.styles.draw(0, slot).judged
            for layer, features in self.network(contents, self.network.style_layers).items():
                untouched = statistics_of(features)
                for kind in ("moment", "gram"):
                    gap = float(getattr(untouched, f"{kind}_gap")(targets[layer]).mean())
                    found[f"{kind} {layer}"] = found.get(f"{kind} {layer}", 0.0) + gap / _PROBES
        return found

    def warnings(self, step: int, shown: Mapping[str, float]) -> list[str]:
        """Check the gate between the phases."""
        error, gate = shown.get("identity features", 0.0), self.config.gate
        if step != self.config.autoencoder_steps or error <= gate:
            return []
        return [
            f"The autoencoder cannot reconstruct pictures yet: feature error {error:.2f}, wanted below {gate:g}. "
            "Styles will stay grey and coarse. Give it more autoencoder_steps; if the error stays near 1, the "
            "pictures or the extractor's weights are not what they should be."
        ]

    def state(self) -> dict[str, Any]:
        """Return the usual gaps."""
        return {"usual": dict(self.usual)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take the usual gaps back."""
        usual = state.get("usual")
        names = set(self._gap_names())
        if not isinstance(usual, dict) or (usual and usual.keys() != names):
            raise ValueError(f"its usual gaps must be those of {', '.join(self.network.style_layers)}")
        if not all(isinstance(gap, float) and 0 < gap < math.inf for gap in usual.values()):
            raise ValueError("its usual gaps must be positive numbers")
        self.usual = dict(usual)

    @torch.no_grad()
    def sample(self) -> Tensor:
        """Return a grid: styles in the first row, contents in the first column, results where they cross."""
        contents, shown = (
            [_square(folder.whole(number)) for number in _spread(folder, wanted)]
            for folder, wanted in zip(self.folders, _SAMPLES, strict=True)
        )
        device = self.encoder.device
        rows = [torch.cat([torch.ones_like(contents[0]), *shown], dim=3)]
        for content in contents:
            results = [content]
            for style in shown:
                features = self.encoder(style.to(device), self.config.layers)
                encoded = statistics_of_layers(features, covariance=self.styles.covariance)
                image = content.to(device)
                for _ in range(self.module.spec.passes):
                    image = self._put_through(image, encoded).clamp(0, 1)
                results.append(image.cpu())
            rows.append(torch.cat(results, dim=3))
        return torch.cat(rows, dim=2)[0]

    def export(self, folder: Path, notes: Mapping[str, Any]) -> list[Path]:
        """Write ``decoder.safetensors`` (fp16) and its model card."""
        return export_decoder(self.module, folder, notes)

    def _ramp(self, step: int) -> float:
        into = step - self.config.autoencoder_steps
        return min(1.0, into / self.config.ramp) if self.config.ramp else 1.0

    def _put_through(self, images: Tensor, statistics: Statistics) -> Tensor:
        return self._decode_aligned(self.encoder(images, self.config.layers), statistics)

    def _decode_aligned(self, features: Mapping[str, Tensor], statistics: Statistics) -> Tensor:
        return align_and_decode(self.module, features, statistics)[1]

    def _decode_own(self, features: Mapping[str, Tensor]) -> Tensor:
        return self._decode_aligned(features, statistics_of_layers(features))

    def _recomputed(self, function: Callable[..., Any], *inputs: Any) -> Any:
        """Call `function`; if memory is short, compute its activations again rather than keep them."""
        return (
            recomputed(function, *inputs, use_reentrant=False)
            if self.gradient_checkpointing
            else function(*inputs)
        )


def _relative_change(features: Tensor, was: Tensor) -> Tensor:
    """Mean over pictures of the squared change over each picture's own variance."""
    features, was = features.float(), was.float()
    change = (features - was).square().mean(dim=(1, 2, 3))
    return (change / was.var(dim=(1, 2, 3)).clamp_min(1e-8)).mean()


def _color_gap(images: Tensor, contents: Tensor, colors: Tensor) -> Tensor:
    """Mean over pictures of the sliced Wasserstein distance to a style's colours, over the content's own."""
    gap, alone = ((color_quantiles(x) - colors).abs().mean((1, 2)) for x in (images, contents))
    return (gap / (alone + _USUAL_COLOR)).mean()


def _outside(images: Tensor) -> Tensor:
    return (images - images.clamp(0, 1)).square().mean()


def _spread(folder: PictureFolder, wanted: int) -> list[int]:
    """Return the numbers of `wanted` pictures, evenly spread; the next one for one that turns out to be bad."""
    count, found = len(folder), list[int]()
    for start in (n * count // wanted for n in range(wanted)):
        numbers = (number % count for number in range(start, start + count))
        usable = (n for n in numbers if n not in found and folder.picture(n) is not None)
        found.extend(itertools.islice(usable, 1))
    return found


def _square(picture: Tensor, side: int = 192) -> Tensor:
    """Return the middle square of (1, 3, H, W) at a sample's size."""
    height, width = picture.shape[2:]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    crop = picture[:, :, top : top + edge, left : left + edge]
    return F.interpolate(crop, (side, side), mode="bilinear", antialias=True, align_corners=False).clamp(0, 1)
