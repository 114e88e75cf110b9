"""What may be asked of every method: colours that stay, the size of strokes, detail. Free of torch.

`processing` does what they ask for, before and after a method's own work.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from styletransfer._checks import choice, number
from styletransfer.config import Config, option
from styletransfer.errors import OptionError

#: Ways to keep the content's colours, and whose colours a result may be given.
PRESERVE_COLOR = ("luminance", "linear", "histogram")
MATCH_HISTOGRAM = ("style", "content")
#: Bounds of `Controls.style_scale`.
_FINEST, _COARSEST = 0.05, 8.0
#: Bound of `Controls.feather`.
_SOFTEST = 1000.0


@dataclass(frozen=True, kw_only=True, init=False)
class Controls(Config):
    """Options that mean the same in every method.

    Attributes:
        preserve_color: How the content's colours are kept (Gatys et al. 2017, section 5): ``"luminance"`` repaints
            the brightness alone and puts the content's chroma back, ``"linear"`` gives the style picture the
            content's mean colour and covariance first, ``"histogram"`` its whole distribution of colours.
        style_scale: Factor on the style picture's size, and so on that of its strokes.
        match_histogram: Whose distribution of colours the result is given at the end.
        detail: Share of the content's finest structure that returns to the result, in brightness.
        feather: Pixels over which the edges of masks fade.

    Raises:
        OptionError: A value outside its range, or options that contradict each other.

    Example:
        >>> Controls(preserve_color="luminance").style_scale
        1.0
    """

    owner = "A method's controls"

    preserve_color: str | None = option(
        None,
        "keep the content's colours: repaint its brightness only, or recolor the style first, linearly or in full",
        choices=PRESERVE_COLOR,
    )
    style_scale: float = option(
        1.0, "size of the strokes: factor on the style picture's size; 0.5 is finer", span=(0.25, 4)
    )
    match_histogram: str | None = option(
        None, "give the result the distribution of colours of the style or of the content", choices=MATCH_HISTOGRAM
    )
    detail: float = option(0.0, "share of the content's finest structure that returns, in [0, 1]", span=(0, 1))
    feather: float = option(0.0, "pixels over which the edges of masks fade, 0 to 1000", span=(0, 64))

    def __post_init__(self) -> None:
        for name, choices in (("preserve_color", PRESERVE_COLOR), ("match_histogram", MATCH_HISTOGRAM)):
            if getattr(self, name) is not None:
                choice(getattr(self, name), choices, name)
        scale = number(self.style_scale, "style_scale", low=_FINEST, high=_COARSEST)
        object.__setattr__(self, "style_scale", scale)
        object.__setattr__(self, "detail", number(self.detail, "detail", low=0.0, high=1.0))
        object.__setattr__(self, "feather", number(self.feather, "feather", low=0.0, high=_SOFTEST))
        if self.preserve_color is not None and self.match_histogram == "style":
            raise OptionError(
                f"preserve_color={self.preserve_color!r} keeps the content's colours, match_histogram='style' "
                "gives the style's; choose one of them."
            )
        if self.preserve_color == "luminance" and self.match_histogram is not None:
            raise OptionError(
                "preserve_color='luminance' keeps the content's chroma exactly, match_histogram='content' changes "
                "it; choose one of them."
            )

    @property
    def active(self) -> bool:
        """Whether anything differs from a plain run."""
        return self != Controls()

    @property
    def matches_distributions(self) -> bool:
        """Whether colours are looked up by their rank, which makes visible what was a difference of rounding."""
        return self.preserve_color == "histogram" or self.match_histogram is not None

    @property
    def sees_style(self) -> bool:
        """Whether the style's picture is wanted itself, so that no encoded style can stand in its place."""
        return self.preserve_color is not None or self.match_histogram == "style" or self.style_scale != 1


#: Names of the controls.
CONTROLS = tuple(field.name for field in dataclasses.fields(Controls))
