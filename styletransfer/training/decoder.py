"""Train the `lite` decoder of AdaIN.

A short autoencoder phase (features and pixels), then style transfer: content loss, moment and Gram style
losses, each over what the untouched content would score, so that every pair and every layer counts alike.

    python -m styletransfer.training.decoder --content DIR --style DIR --encoder FILE --oxford FILE
        --small FILE --output OUT
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styletransfer.features.vgg import VGG19Features
from styletransfer.functional import channel_stats, gram_matrix
from styletransfer.methods.adain import align_features
from styletransfer.methods.decoder import LITE, Decoder, save_decoder
from styletransfer.training.data import PictureFolder
from styletransfer.training.styles import StyleBank, StyleTargets
from styletransfer.training.teachers import LossNetwork, SmallTeacher, load_oxford


@dataclass(frozen=True, kw_only=True)
class DecoderTraining:
    """Settings of a run.

    Attributes:
        steps: Style steps.
        warmup_steps: Autoencoder steps before them.
        batch: Pictures a step.
        size: Side of a content crop, pixels.
        learning_rate: Peak of Adam's step length; falls to zero along a cosine.
        moment_weight: Multiplier of the moment style loss; the content loss has 1.
        gram_weight: Multiplier of the Gram style loss.
        range_weight: Multiplier of the penalty on values outside [0, 1].
        identity_every: Every so many steps the content is its own style and pixels count; 0 for never.
        seed: Of everything random.
    """

    steps: int = 4000
    warmup_steps: int = 400
    batch: int = 4
    size: int = 128
    learning_rate: float = 1.5e-3
    moment_weight: float = 6.0
    gram_weight: float = 4.0
    range_weight: float = 10.0
    identity_every: int = 8
    seed: int = 0


class DecoderTrainer:
    """Holds the networks of a run; `run` trains and writes."""

    def __init__(
        self,
        encoder: VGG19Features,
        network: LossNetwork,
        content: PictureFolder,
        style: PictureFolder,
        settings: DecoderTraining,
        device: str = "cpu",
        start: Decoder | None = None,
    ) -> None:
        torch.manual_seed(settings.seed)
        self.encoder = encoder
        self.network = network
        self.content = content
        self.settings = settings
        self.device = device
        self.decoder = (start or Decoder(LITE)).to(device)
        self.styles = StyleBank(style, encoder, self.decoder.taps, network, device)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.optimizer = torch.optim.Adam(self.decoder.parameters(), lr=settings.learning_rate, betas=(0.9, 0.99))
        #: Mean gap of untouched contents, per layer: keeps a near-identical pair from dominating.
        self.usual: dict[str, float] = {}

    def run(self, output: Path) -> None:
        """Train; print a JSON line now and then; write the decoder as it goes."""
        began = time.perf_counter()
        recent: dict[str, float] = {}
        total = self.settings.warmup_steps + self.settings.steps
        for step in range(1, total + 1):
            self._set_rate(step, total)
            contents = self.content.crops(self.settings.batch, self.settings.size, self.generator)
            contents = contents.to(self.device)
            every = self.settings.identity_every
            if step <= self.settings.warmup_steps or (every and step % every == 0):
                terms = self.identity_terms(contents)
            else:
                terms = self.style_terms(contents, self.styles.draw(self.settings.batch, self.generator))
            self.optimizer.zero_grad(set_to_none=True)
            torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.decoder.parameters(), 1.0)
            self.optimizer.step()
            for name, value in terms.items():
                latest = value.item()
                recent[name] = 0.98 * recent.get(name, latest) + 0.02 * latest
            if step % 100 == 0:
                record = {"step": step, "seconds": round(time.perf_counter() - began, 1)}
                print(json.dumps(record | {k: round(v, 4) for k, v in recent.items()}), flush=True)
            if step % 250 == 0 or step == total:
                notes = {"settings": asdict(self.settings), "steps_done": step, "losses": recent}
                half = Decoder(self.decoder.spec)
                half.load_state_dict(self.decoder.state_dict())
                save_decoder(half.half(), output, notes)

    def identity_terms(self, contents: Tensor) -> dict[str, Tensor]:
        """Losses of decoding unaligned features: pixels and the encoder's features."""
        features = self.encoder(contents, self.decoder.taps)
        images = self.decoder(features)
        again = self.encoder(images, self.decoder.taps)
        apart = [F.mse_loss(again[k], f) / f.var() for k, f in features.items()]
        return {
            "identity_pixels": 10 * F.mse_loss(images, contents),
            "identity_features": torch.stack(apart).mean(),
            "range": self._range_penalty(images),
        }

    def style_terms(self, contents: Tensor, styles: StyleTargets) -> dict[str, Tensor]:
        """Losses of a stylized batch."""
        with torch.no_grad():
            aligned = align_features(self.encoder(contents, self.decoder.taps), styles.encoded)
            before = self.network(contents)
        images = self.decoder(aligned)
        after = self.network(images)
        deepest = self.network.taps[-1]
        moments, grams = [], []
        for layer in self.network.taps:
            moment = self._over_untouched(
                f"moment {layer}",
                _moment_gap(after[layer], styles.moments[layer]),
                _moment_gap(before[layer], styles.moments[layer]),
            )
            gram = self._over_untouched(
                f"gram {layer}",
                _gram_gap(after[layer], styles.grams[layer]),
                _gram_gap(before[layer], styles.grams[layer]),
            )
            moments.append(moment)
            grams.append(gram)
        spread = before[deepest].var(dim=(1, 2, 3))
        changed = (after[deepest] - before[deepest]).square().mean(dim=(1, 2, 3)) / spread
        return {
            "content": changed.mean(),
            "moment": self.settings.moment_weight * torch.stack(moments).mean(),
            "gram": self.settings.gram_weight * torch.stack(grams).mean(),
            "range": self._range_penalty(images),
        }

    def _range_penalty(self, images: Tensor) -> Tensor:
        return self.settings.range_weight * (images - images.clamp(0, 1)).square().mean()

    def _over_untouched(self, name: str, gap: Tensor, untouched: Tensor) -> Tensor:
        """Mean of each picture's gap over its own untouched gap, with a floor at a share of the usual one.

        Pairs that lie close together differ in texture, not in colour; divided by the usual gap they would count
        for nothing, and texture would not be learnt.
        """
        usual = self.usual.get(name, float(untouched.mean()))
        self.usual[name] = 0.99 * usual + 0.01 * float(untouched.mean())
        return (gap / (untouched + 0.1 * usual)).mean()

    def _set_rate(self, step: int, total: int) -> None:
        rise = min(1.0, step / 50)
        fall = 0.5 + 0.5 * math.cos(math.pi * step / total)
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * rise * max(fall, 1e-3)


def _moment_gap(features: Tensor, target: tuple[Tensor, Tensor]) -> Tensor:
    mean, std = channel_stats(features)
    return ((mean - target[0]).square() + (std - target[1]).square()).sum(dim=(1, 2, 3))


def _gram_gap(features: Tensor, target: Tensor) -> Tensor:
    return (gram_matrix(features) - target).square().sum(dim=(1, 2))


def main() -> None:
    """Read the command line and run."""
    defaults = DecoderTraining()
    parser = argparse.ArgumentParser(description="Train the lite decoder.")
    for name, text in (
        ("content", "folder of photographs"),
        ("style", "folder of paintings"),
        ("encoder", "safetensors of vgg19-lite"),
        ("oxford", "leading convolutions of the Oxford VGG-19"),
        ("small", "published narrow network with heads"),
        ("output", "safetensors file to write"),
    ):
        parser.add_argument(f"--{name}", type=Path, required=True, help=text)
    parser.add_argument("--start", type=Path, help="decoder file to go on from")
    parser.add_argument("--device", default="cpu")
    for name, value in asdict(defaults).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    args = parser.parse_args()
    settings = DecoderTraining(**{name: getattr(args, name) for name in asdict(defaults)})

    from styletransfer.features import create_extractor
    from styletransfer.methods.decoder import load_decoder

    encoder = create_extractor("vgg19-lite", weights=args.encoder, device=args.device)
    small = SmallTeacher(args.small)
    start = load_decoder(args.start, encoder="vgg19-lite") if args.start else None
    if start is not None:
        start.requires_grad_(True)
    DecoderTrainer(
        encoder,
        LossNetwork(load_oxford(args.oxford), small),
        PictureFolder(args.content),
        PictureFolder(args.style, short_edge=256),
        settings,
        args.device,
        start,
    ).run(args.output)


if __name__ == "__main__":
    main()
