"""Styles for a decoder's training: each is seen by the networks once, and remembered as statistics.

A style enters AdaIN as channel statistics only, and its loss as statistics and Gram matrices, so a step costs no
encoding of styles once they are known.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer.features.vgg import VGG19Features
from styletransfer.methods.feedforward.statistics import ChannelStatistics, statistics_of_layers
from styletransfer.methods.feedforward.statistics import Statistics as Channels
from styletransfer.training.data.crops import ATTEMPTS, draws
from styletransfer.training.data.folder import PictureFolder
from styletransfer.training.statistics import Statistics, color_quantiles, statistics_of
from styletransfer.training.teachers import LossNetwork

#: A crop of a style has between this share and all of the picture's shorter side.
_SMALLEST_SHARE = 0.5
#: The longest side that a style is encoded at, pixels: more costs time and tells nothing.
_LONGEST = 512


@dataclass(frozen=True)
class StyleTargets:
    """What a step needs of its styles, (B, ...) each.

    Attributes:
        encoded: Statistics of the encoder's features, for alignment.
        judged: Statistics in the loss network's style layers.
        colors: Quantiles of the picture's colours, (B, 256, 32).
    """

    encoded: Channels
    judged: Mapping[str, Statistics]
    colors: Tensor


#: The distance between the content at a position among a step's slots and a style.
Distance = Callable[[int, StyleTargets], float]


class StyleBank:
    """Gives the targets of a step's styles.

    Which style and which view of it a slot gets is a function of (seed, step, slot), as with the contents' crops.
    What was computed is kept on the CPU, Gram matrices in bfloat16, the longest unused going first.
    """

    #: Tells the choice of styles from the crops of contents, which draw from the same seed.
    STREAM = 1

    def __init__(
        self,
        folder: PictureFolder,
        encoder: VGG19Features,
        layers: tuple[str, ...],
        network: LossNetwork,
        *,
        seed: int,
        views: int = 1,
        covariance: bool = False,
        megabytes: int = 2048,
    ) -> None:
        self.folder = folder
        self.encoder = encoder
        self.layers = layers
        self.network = network
        self.seed = seed
        self.views = views
        self.covariance = covariance
        self._room = megabytes * 1_000_000
        self._kept: OrderedDict[tuple[int, int], StyleTargets] = OrderedDict()

    def draw(self, step: int, slots: range, *, among: int = 1, distance: Distance | None = None) -> StyleTargets:
        """Return the targets of a step's slots, stacked, on the encoder's device.

        Args:
            step: The step.
            slots: Places in its batch.
            among: Styles drawn for each slot.
            distance: The nearest of a slot's styles is taken; by default the first.
        """
        chosen = []
        for position, slot in enumerate(slots):
            styles = list(itertools.islice(self._slot(step, slot), among))
            far = [0.0] if distance is None or among == 1 else [distance(position, style) for style in styles]
            chosen.append(styles[far.index(min(far))])
        return _stack(chosen, self.encoder.device)

    def _slot(self, step: int, slot: int) -> Iterator[StyleTargets]:
        """Yield styles for a slot; in place of one that turns out to be bad, another is drawn."""
        in_vain = 0
        for attempt in itertools.count():
            first, second = draws(self.seed, self.STREAM, step, slot, attempt, count=2)
            number = int(first * len(self.folder))
            if self.folder.picture(number) is not None:
                in_vain = 0
                yield self.targets(number, int(second * self.views))
            elif (in_vain := in_vain + 1) == ATTEMPTS:
                raise self.folder.gone(number, ATTEMPTS)

    @torch.no_grad()
    def targets(self, number: int, view: int = 0) -> StyleTargets:
        """Return the targets of one view of one picture."""
        if (number, view) in self._kept:
            self._kept.move_to_end((number, view))
            return self._kept[number, view]
        picture = self.view(number, view).to(self.encoder.device)
        encoded = statistics_of_layers(self.encoder(picture, self.layers), covariance=self.covariance)
        judged = self.network(picture, self.network.style_layers)
        statistics = {k: statistics_of(f) for k, f in judged.items()}
        made = StyleTargets(
            {k: s.to(torch.device("cpu")) for k, s in encoded.items()},
            # bfloat16 has float32's range: Gram matrices of unnormalised features would overflow in float16.
            {k: Statistics(s.mean.cpu(), s.std.cpu(), s.gram.bfloat16().cpu()) for k, s in statistics.items()},
            color_quantiles(picture).cpu(),
        )
        self._keep((number, view), made)
        return made

    def view(self, number: int, view: int) -> Tensor:
        """Return view `view` of a picture, (1, 3, H, W): the whole, or a square crop at a size of its own."""
        picture = self.folder.whole(number)
        height, width = picture.shape[2:]
        if view == 0:
            return picture[:, :, :_LONGEST, :_LONGEST]
        shorter = min(height, width)
        share, top, left, scale = draws(self.seed, self.STREAM + 1, number, view, 0, count=4)
        side = round(shorter * (_SMALLEST_SHARE + (1 - _SMALLEST_SHARE) * share))
        top, left = int(top * (height - side + 1)), int(left * (width - side + 1))
        crop = picture[:, :, top : top + side, left : left + side]
        target = max(64, round(shorter * (_SMALLEST_SHARE + (1 - _SMALLEST_SHARE) * scale)))
        resized = F.interpolate(crop, (target, target), mode="bilinear", antialias=True, align_corners=False)
        return resized[:, :, :_LONGEST, :_LONGEST].clamp(0, 1)

    def _keep(self, key: tuple[int, int], made: StyleTargets) -> None:
        self._kept[key] = made
        self._room -= _bytes(made)
        while self._room < 0 and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._room += _bytes(oldest)


def _bytes(targets: StyleTargets) -> int:
    judged = sum(s.gram.nbytes + s.mean.nbytes + s.std.nbytes for s in targets.judged.values())
    return judged + targets.colors.nbytes


def _stack(targets: list[StyleTargets], device: torch.device) -> StyleTargets:
    def joined(tensors: list[Tensor]) -> Tensor:
        return torch.cat(tensors).to(device, torch.float32)

    def stacked(each: list[ChannelStatistics]) -> ChannelStatistics:
        covariances = [s.covariance for s in each if s.covariance is not None]
        mean, std = joined([s.mean for s in each]), joined([s.std for s in each])
        return ChannelStatistics(mean, std, joined(covariances) if covariances else None)

    return StyleTargets(
        {layer: stacked([t.encoded[layer] for t in targets]) for layer in targets[0].encoded},
        {
            layer: Statistics(
                *(joined(list(parts)) for parts in zip(*(t.judged[layer] for t in targets), strict=True))
            )
            for layer in targets[0].judged
        },
        joined([t.colors for t in targets]),
    )
