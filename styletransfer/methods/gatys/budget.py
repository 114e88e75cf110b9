"""How much memory a size takes, and in what strips it fits into what there is.

The figures per pixel follow from the network and the options; the two factors below were fitted to measured peaks.
"""

from __future__ import annotations

from collections.abc import Callable

from styletransfer.features import winograd
from styletransfer.features.vgg import VGG19Features
from styletransfer.layers import BY_TAP, LAYERS
from styletransfer.method import Forecast, Plan, Stage
from styletransfer.methods.gatys import strips
from styletransfer.methods.gatys.config import GatysConfig

#: Pairs of changes that L-BFGS remembers; in strips in bfloat16.
HISTORY = 10
#: Where nobody can tell how much memory is free, bytes.
_UNKNOWN = 4e9
#: Share of the free memory that whole pictures may take: beyond it, strips.
_SHARE = 0.8

#: How often the widest weight is in memory beside the network: reordered, and as the scratch of its convolution.
_WEIGHTS = 3
#: Results of the first layer that are in memory at once while gradients are computed, beside all that are kept.
_AT_ONCE = 5.0
#: Pictures and vectors of the optimiser's length that are in memory at once, beside its history.
_PICTURES, _VECTORS = 10.0, 7.0


class Budget:
    """What the descent of a config takes on an extractor.

    Args:
        extractor: Feature extractor.
        config: Options.
    """

    def __init__(self, extractor: VGG19Features, config: GatysConfig) -> None:
        self._extractor = extractor
        self._config = config
        self._layers = (*config.content_layers, *config.style_layers)

    def forecast(self, plan: Plan, free: int | None, *, batch: int) -> Forecast:
        """Return what a run with that plan will need where `free` bytes are free."""

        def most(rows_for: Callable[[Stage], int | None]) -> int:
            return max(self.needed(stage.size, rows_for(stage), stage.steps) for stage in plan.stages)

        size = plan.stages[-1].size
        pictures = 3 * 4 * batch * size[0] * size[1]  # results and what is worked on
        rows = self.rows(size, plan.stages[-1].steps, free)
        cut = 1 if rows is None else len(strips.divide(size[0], self._layers, rows))
        least = strips.alignment(self._layers)
        return Forecast(
            memory=2 * pictures + most(lambda stage: self.rows(stage.size, stage.steps, free)),
            least=2 * pictures + min(most(lambda _: least), most(lambda _: None)),
            strips=cut,
        )

    def rows(self, size: tuple[int, int], steps: int, free: int | None) -> int | None:
        """Return the height of the strips in which so many steps fit into `free` bytes; None for no strips."""
        most = _SHARE * (_UNKNOWN if free is None else free)
        if self.needed(size, None, steps) <= most:
            return None
        step = strips.alignment(self._layers)
        rows = step
        while rows < size[0] and self.needed(size, rows + step, steps) <= most:
            rows += step
        return rows

    def needed(self, size: tuple[int, int], rows: int | None, steps: int) -> int:
        """Return the bytes at the peak of a descent at `size`, (H, W), in strips of so many rows."""
        height, width = size
        pixels = height * width
        seen = height if rows is None else min(height, rows + 2 * strips.halo(self._layers))
        pairs = 0 if self._config.optimizer == "adam" else min(HISTORY, steps - 1)
        vector = 4 * 3 * pixels * sum(0.25**level for level in range(self._config.pyramid + 1))
        history = 2 * pairs * vector * (1 if rows is None else 0.5)
        targets = sum(
            4 * self._extractor.channels(tap) * pixels / BY_TAP[tap].stride ** 2
            for tap in self._config.content_layers
        )
        widest = max(parameter.nbytes for parameter in self._extractor.convs.parameters())
        weights = _WEIGHTS * widest + winograd.memory(self._extractor)
        own = weights + _PICTURES * 12 * pixels + _VECTORS * vector
        return int(own + history + targets + self._per_pixel() * seen * width)

    def _per_pixel(self) -> float:
        """Bytes of features for each pixel that is looked at."""
        deepest = max(self._layers, key=lambda tap: BY_TAP[tap].receptive_field)
        depth = LAYERS.index(BY_TAP[deepest]) + 1
        kept = 0.0
        for layer in LAYERS[:depth]:
            channels = self._extractor.channels(layer.conv)
            copies = 2 if layer.conv in self._layers else 1  # before the ReLU and after it
            kept += 4 * copies * channels / layer.stride**2
            if layer.opens_block and self._extractor.pooling == "max":
                kept += 8 * self._extractor.channels(layer.conv) / layer.stride**2  # where each maximum was
        return kept + 4 * _AT_ONCE * self._extractor.channels("conv1_1")
