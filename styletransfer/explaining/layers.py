"""What happened at a layer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MovedChannel:
    """A channel whose mean has moved.

    Attributes:
        channel: Its number, from 0.
        content: Its mean in the content.
        stylized: In the result.
        style: In the style.
        shift: From the content to the result, in root mean squares of their two standard deviations.
    """

    channel: int
    content: float
    stylized: float
    style: float
    shift: float


@dataclass(frozen=True, kw_only=True)
class LayerReport:
    """What happened at a layer.

    Attributes:
        layer: Its name.
        gram_before: Squared distance of the content's Gram matrix to the style's, over the style's own square.
        gram_after: The same of the result.
        content_change: Mean squared change of the features over the content's variance.
        moved: The channels that moved most, the first one most of all.
    """

    layer: str
    gram_before: float
    gram_after: float
    content_change: float
    moved: tuple[MovedChannel, ...]
