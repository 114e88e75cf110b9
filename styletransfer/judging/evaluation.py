"""What a judge says of a picture, and how to read it. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from styletransfer.judging.judges import JudgeLabel

__all__ = ["FIGURES", "Evaluation", "Figure"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of an `Evaluation`, for tables and plots.

    Attributes:
        title: Heading of a column.
        lower_is_better: The direction; None where neither end is better.
        meaning: One line: what is measured, and what its ends mean.
    """

    title: str
    lower_is_better: bool | None
    meaning: str


#: The figures of a table by key, in order.
FIGURES: Mapping[str, Figure] = {
    "moment": Figure(
        title="moment",
        lower_is_better=True,
        meaning="means and deviations of the features, distance to the style's, mean of relu1_1 to relu5_1; "
        "1: the untouched content (above 1: further away), 0: the style",
    ),
    "gram": Figure(
        title="Gram",
        lower_is_better=True,
        meaning="the same for Gram matrices; being squared, 0.25 is still half of the way to the style",
    ),
    "deep": Figure(
        title="deep",
        lower_is_better=True,
        meaning="the Gram figure of relu5_1 alone: large shapes and strokes",
    ),
    "color": Figure(
        title="color",
        lower_is_better=True,
        meaning="sliced Wasserstein distance of the colours to the style's; 1: the untouched content, 0: the "
        "style's own",
    ),
    "content": Figure(
        title="content",
        lower_is_better=True,
        meaning="change of relu4_2 over its variance; 0: untouched, 1: strongly repainted, about 2: an unrelated "
        "picture, where it saturates",
    ),
    "ssim": Figure(
        title="SSIM",
        lower_is_better=False,
        meaning="structural similarity of the brightness to the content's; 1: untouched, about 0.1: unrelated",
    ),
    "edges": Figure(
        title="edges",
        lower_is_better=False,
        meaning="correlation of the strength of edges with the content's; 1: untouched, 0: unrelated",
    ),
    "total_variation": Figure(
        title="TV",
        lower_is_better=None,
        meaning="mean difference of neighbouring pixels; a rough style raises it, and so does noise",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a judge says of one stylized picture; of a batch, the means.

    Style figures are squared distances over those of the untouched content: 1 is no style at all, 0 the style's
    own statistics. They fall quickly at first and slowly later: half of the way to the style is 0.25. So quote
    them beside `references` of the same pair, and never without `content`.

    Attributes:
        moment: By layer relu1_1 to relu5_1: squared distance of channel means and standard deviations to the
            style's, over that of the untouched content. Where content and style hardly differ (squared distance
            below a thousandth of the style's own squared norm), the ratio is to that thousandth.
        gram: The same for Gram matrices.
        color: Sliced Wasserstein distance of the colours to the style's, over that of the untouched content.
        content: Mean squared change of relu4_2 over its variance in the content picture.
        ssim: Structural similarity of stylized and content brightness (Wang et al. 2004); 1 is equal.
        edges: Correlation of the strength of edges (Sobel) in stylized and content brightness; 1 is equal.
        total_variation: Of the stylized picture, by `functional.total_variation`.
        judge: Who measured.
        size: (H, W) judged at, pixels.
    """

    moment: Mapping[str, float]
    gram: Mapping[str, float]
    color: float
    content: float
    ssim: float
    edges: float
    total_variation: float
    judge: JudgeLabel
    size: tuple[int, int]

    @property
    def moment_ratio(self) -> float:
        """Mean of `moment` over the layers."""
        return sum(self.moment.values()) / len(self.moment)

    @property
    def gram_ratio(self) -> float:
        """Mean of `gram` over the layers."""
        return sum(self.gram.values()) / len(self.gram)

    @property
    def style_ratio(self) -> float:
        """Mean of `moment_ratio` and `gram_ratio`: 1 is no style, 0 the style's own statistics."""
        return (self.moment_ratio + self.gram_ratio) / 2

    @property
    def deep(self) -> float:
        """The Gram figure of the deepest layer: large shapes and strokes."""
        return list(self.gram.values())[-1]

    def figures(self) -> dict[str, float]:
        """Return the figures of a table by the keys of `FIGURES`."""
        special = {"moment": self.moment_ratio, "gram": self.gram_ratio}
        return {key: special[key] if key in special else getattr(self, key) for key in FIGURES}

    def to_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return {
            **self.figures(),
            "style_ratio": self.style_ratio,
            "layers": {"moment": dict(self.moment), "gram": dict(self.gram)},
            "judge": self.judge.to_dict(),
            "size": list(self.size),
        }
