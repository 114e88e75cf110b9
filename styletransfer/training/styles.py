"""Styles for decoder training, encoded once.

A style enters AdaIN as channel statistics only, and its loss as statistics and Gram matrices, so every style
picture is seen by the networks once in a whole training and a step costs no style encoding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from styletransfer.features.vgg import VGG19Features
from styletransfer.functional import channel_stats, gram_matrix
from styletransfer.training.data import PictureFolder

Statistics = dict[str, tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class StyleTargets:
    """What a step needs of its styles.

    Attributes:
        encoded: Statistics in the encoder's features, for alignment.
        moments: Statistics in the loss network's features.
        grams: Gram matrices in the loss network's features.
    """

    encoded: Statistics
    moments: Statistics
    grams: dict[str, Tensor]


class StyleBank:
    """Draws styles at random and remembers what was computed of them.

    Args:
        pictures: The style pictures.
        encoder: The extractor that the decoder is trained for.
        taps: Layers that are aligned.
        network: The loss network: images to ``{layer: features}``.
        device: Where the targets are given out.
    """

    def __init__(
        self,
        pictures: PictureFolder,
        encoder: VGG19Features,
        taps: tuple[str, ...],
        network: Callable[[Tensor], dict[str, Tensor]],
        device: str,
    ) -> None:
        self.pictures = pictures
        self.encoder = encoder
        self.taps = taps
        self.network = network
        self.device = device
        self._known: dict[int, StyleTargets] = {}

    def draw(self, batch: int, generator: torch.Generator) -> StyleTargets:
        """Return the targets of `batch` random styles, stacked."""
        numbers = torch.randint(len(self.pictures), (batch,), generator=generator).tolist()
        drawn = [self._targets(number) for number in numbers]
        return StyleTargets(
            encoded=_stack([d.encoded for d in drawn], self.device),
            moments=_stack([d.moments for d in drawn], self.device),
            grams={
                k: torch.cat([d.grams[k] for d in drawn]).to(self.device, torch.float32) for k in drawn[0].grams
            },
        )

    @torch.no_grad()
    def _targets(self, number: int) -> StyleTargets:
        if number not in self._known:
            picture = self.pictures.whole(number).to(self.device)
            features = self.network(picture)
            # bfloat16 has float32's range: Gram matrices of unnormalised features would overflow in float16.
            self._known[number] = StyleTargets(
                encoded={k: channel_stats(f) for k, f in self.encoder(picture, self.taps).items()},
                moments={k: channel_stats(f) for k, f in features.items()},
                grams={k: gram_matrix(f).to(torch.bfloat16) for k, f in features.items()},
            )
        return self._known[number]


def _stack(statistics: list[Statistics], device: str) -> Statistics:
    return {
        layer: (
            torch.cat([s[layer][0] for s in statistics]).to(device),
            torch.cat([s[layer][1] for s in statistics]).to(device),
        )
        for layer in statistics[0]
    }
