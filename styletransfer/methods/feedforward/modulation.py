"""What the alignment changes, told to the decoder itself: feature-wise linear modulation (Perez et al. 2018).

Aligned features say how the picture's layers should be; nothing tells a small decoder which of them it did not
reach, nor makes it another one for another style. Scales and shifts of its channels do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: ``{layer: (mean, std)}``, each (B or 1, C, 1, 1).
Statistics = Mapping[str, tuple[Tensor, Tensor]]
#: Keeps the relative change finite where a channel is silent on both sides; channels have values of about one.
_SILENT = 1e-3


def describe_change(before: Statistics, wanted: Statistics) -> Tensor:
    """Describe channel statistics that are to be changed, independent of each channel's scale.

    Args:
        before: Statistics of the features that are aligned.
        wanted: Statistics that they are given, for the same layers.

    Returns:
        (B, 4 C): for means, then deviations, of each layer the relative change, in [-1, 1], and the logarithm
        of what is wanted; C counts the channels of all layers.

    Example:
        >>> import torch
        >>> before, wanted = torch.ones(1, 1, 1, 1), torch.full((1, 1, 1, 1), 3.0)
        >>> describe_change({"relu1_1": (before, before)}, {"relu1_1": (wanted, wanted)}).shape
        torch.Size([1, 4])
    """
    parts = []
    for layer, pair in before.items():
        for value, target in zip(pair, wanted[layer], strict=True):
            now, then = value.float().flatten(1), target.float().flatten(1)
            then = then.expand_as(now) if then.shape[0] < now.shape[0] else then
            parts += [(then - now) / (then.abs() + now.abs() + _SILENT), torch.log1p(then.clamp_min(0))]
    return torch.cat(parts, dim=1)


class Modulation(nn.Module):
    """Gives each modulated convolution a scale and a shift for every channel.

    With the output layer at zero the scales are one and the shifts zero, so a finished decoder can be given one
    and be trained on.

    Args:
        inputs: Length of a description.
        widths: Channels of each modulated convolution.
        hidden: Width of the layer between.
    """

    def __init__(self, inputs: int, widths: Sequence[int], hidden: int) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.hidden = nn.Linear(inputs, hidden)
        self.out = nn.Linear(2 * hidden, 2 * sum(widths))

    def forward(self, change: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Turn (B, inputs) descriptions into ``(scale, shift)``, (B, C, 1, 1) each, for every convolution."""
        hidden = self.hidden(change.to(self.hidden.weight.dtype))
        # Beside what a ReLU lets through the values themselves: much of what is to be learnt is linear.
        out = self.out(torch.cat([hidden, F.relu(hidden)], dim=1))[:, :, None, None]
        pairs = (part.chunk(2, dim=1) for part in out.split([2 * width for width in self.widths], dim=1))
        # Between 0 and 2: unbounded ones multiply from layer to layer, and a training explodes.
        return [(1 + torch.tanh(scale), shift) for scale, shift in pairs]
