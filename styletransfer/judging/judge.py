"""One fixed judge for every method: how much style was taken, and how much content was kept.

The methods' own losses cannot be compared, since each is scaled differently. These numbers can, as long as
extractor, size and `JUDGE_VERSION` are the same.

>>> import torch
>>> content, style = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32) / 4
>>> untouched = evaluate(content, content, style)
>>> untouched.content, untouched.style_ratio
(0.0, 1.0)
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from styletransfer import images
from styletransfer.errors import DivergenceError, ImageError
from styletransfer.features import as_extractor
from styletransfer.features.vgg import VGG19Features
from styletransfer.functional import channel_stats, gram_matrix, total_variation
from styletransfer.images import ImageSource, Picture
from styletransfer.images.pixels import filled
from styletransfer.stylizer import Stylization
from styletransfer.weights.catalogue import CATALOGUE, DEFAULT_EXTRACTOR

__all__ = ["CONTENT_LAYER", "JUDGE_VERSION", "STYLE_LAYERS", "Evaluation", "evaluate"]

#: Raised by every change of what the numbers mean; numbers of different versions cannot be compared.
JUDGE_VERSION = 1
CONTENT_LAYER = "relu4_1"
#: The layers of AdaIN's style loss. relu5_1, which Gatys adds, is left out: at 16 pixels it has a single
#: position, of which no statistics can be taken, and a layer that only one method optimises would favour it.
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")

#: Two pictures whose mean relative style loss is below this already share their style; a ratio to less would
#: only magnify rounding (and be 0 / 0 where content and style are the same picture).
_SAME_STYLE = 1e-3
#: Keeps a flat picture's variance and a black picture's statistics out of the denominator.
_TINY = 1e-8


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What the judge says of one stylized picture; of a batch, the means. Lower is better throughout.

    Attributes:
        content: Mean squared change of the relu4_1 features over their variance in the content picture. 0 for
            the untouched content, about 2 for an unrelated picture.
        gram: Per layer, the squared distance of the Gram matrices over the style's own squared norm.
        moment: Per layer, the same for channel means and standard deviations together.
        gram_ratio: Mean of `gram` over the same mean for the untouched content picture.
        moment_ratio: The same for `moment`.
        style_ratio: Mean of `gram_ratio` and `moment_ratio`: 1 means that no style was taken, 0 that the
            picture has the style's statistics. Where content and style share their statistics from the start
            (mean loss below 0.001), both ratios are to 0.001 instead: 0 for a picture that was rightly left
            alone, and never NaN.
        total_variation: Of the stylized picture, by `functional.total_variation`; tells noise from calm.
        extractor: Name of the weight set that the judge saw with.
        size: (H, W) judged at, pixels.
        version: `JUDGE_VERSION`.
    """

    content: float
    gram: Mapping[str, float]
    moment: Mapping[str, float]
    gram_ratio: float
    moment_ratio: float
    style_ratio: float
    total_variation: float
    extractor: str
    size: tuple[int, int]
    version: int = JUDGE_VERSION

    def to_dict(self) -> dict[str, Any]:
        """Return all fields, ready for JSON."""
        return dataclasses.asdict(self) | {
            "gram": dict(self.gram),
            "moment": dict(self.moment),
            "size": list(self.size),
        }


@torch.no_grad()
def evaluate(
    stylized: ImageSource | Picture | Stylization,
    content: ImageSource | Picture | Stylization,
    style: ImageSource | Picture | Stylization,
    *,
    extractor: str | VGG19Features = DEFAULT_EXTRACTOR,
) -> Evaluation:
    """Judge a stylized picture, whichever method made it.

    Nothing is resized: give all three pictures at the working size (`load_image` with the same `long_edge`).
    The extractor always pools by maximum, whatever the method did.

    Args:
        stylized: The result: a `Stylization`, path, PIL image, array, or tensor (B, 3, H, W) in [0, 1].
        content: The picture that was repainted, of the same height and width.
        style: The picture whose manner was taken, of any size.
        extractor: Name of a weight set or an extractor from `create_extractor`. Judging with other weights
            than those that made the picture is the stricter test.

    Returns:
        The measurements, comparable across methods.

    Raises:
        ImageError: A picture that cannot be read, or stylized and content of different sizes.
        OptionError: Unknown weight set.
        WeightsError: Weights that cannot be fetched or read.
        DivergenceError: Figures that are not finite, because of weights or pictures that are not.

    Example:
        >>> import styletransfer as st
        >>> from styletransfer import samples
        >>> content, style = samples.draw("valley", long_edge=64), samples.draw("mosaic", long_edge=64)
        >>> evaluation = st.evaluate(st.stylize(content, style), content, style)
        >>> sorted(evaluation.gram)
        ['relu1_1', 'relu2_1', 'relu3_1', 'relu4_1']
    """
    judge = _judge(extractor)
    result = _pixels(stylized, "stylized", judge.device)
    original = _pixels(content, "content", judge.device)
    manner = _pixels(style, "style", judge.device)
    _check_sizes(result, original, manner)
    got, was = judge(result, STYLE_LAYERS), judge(original, STYLE_LAYERS)
    want = judge(manner, STYLE_LAYERS)
    gram = {layer: _gram_gap(got[layer], want[layer]) for layer in STYLE_LAYERS}
    moment = {layer: _moment_gap(got[layer], want[layer]) for layer in STYLE_LAYERS}
    gram_ratio = _ratio(gram, {layer: _gram_gap(was[layer], want[layer]) for layer in STYLE_LAYERS})
    moment_ratio = _ratio(moment, {layer: _moment_gap(was[layer], want[layer]) for layer in STYLE_LAYERS})
    content_loss = _change(got[CONTENT_LAYER], was[CONTENT_LAYER])
    if not math.isfinite(content_loss + sum(gram.values()) + sum(moment.values()) + gram_ratio + moment_ratio):
        raise DivergenceError(
            f"The judge's figures are not finite. Are the weights of {judge.name} sound (styletransfer weights "
            "verify tells), and are the pictures' values finite?",
            term="judge",
        )
    return Evaluation(
        content=content_loss,
        gram=gram,
        moment=moment,
        gram_ratio=gram_ratio,
        moment_ratio=moment_ratio,
        style_ratio=(gram_ratio + moment_ratio) / 2,
        total_variation=float(total_variation(result).mean()),
        extractor=judge.name,
        size=(result.shape[2], result.shape[3]),
    )


def _judge(extractor: str | VGG19Features) -> VGG19Features:
    """Return the extractor as its weights were trained: a method's variant must not move the ruler."""
    network = as_extractor(extractor)
    form = CATALOGUE[network.name].form if network.name in CATALOGUE else None
    return network.variant(pooling="max", padding=form.padding if form else None)


def _pixels(source: ImageSource | Picture | Stylization, what: str, device: torch.device) -> Tensor:
    """Return (B, 3, H, W)."""
    if isinstance(source, Stylization):
        image = source.image.to(device, torch.float32)
        return image if source.alpha is None else filled(image, source.alpha.to(device))  # as a file of it is read
    picture = source if isinstance(source, Picture) else images.read_picture(source, what=what)
    return picture.rgb.to(device, torch.float32)


def _check_sizes(stylized: Tensor, content: Tensor, style: Tensor) -> None:
    if stylized.shape[2:] != content.shape[2:]:
        sizes = ["x".join(str(side) for side in x.shape[2:]) for x in (stylized, content)]
        raise ImageError(
            f"The stylized picture is {sizes[0]}, the content {sizes[1]} pixels (height x width), but the "
            "judge compares them place by place. Read the content at the working size: "
            f"styletransfer.load_image(content, long_edge={max(stylized.shape[2:])})."
        )
    counts = {x.shape[0] for x in (stylized, content, style)} - {1}
    if len(counts) > 1:
        raise ImageError(
            f"The batches hold {stylized.shape[0]} stylized, {content.shape[0]} content and {style.shape[0]} "
            "style pictures; give equally many, or one for all."
        )


def _change(features: Tensor, original: Tensor) -> float:
    """Mean squared change over the variance of `original`, (B, C, h, w) each."""
    change = (features - original).square().mean(dim=(1, 2, 3))
    variance = original.var(dim=(1, 2, 3), unbiased=False)
    return float((change / variance.clamp_min(_TINY)).mean())


def _gram_gap(features: Tensor, target: Tensor) -> float:
    got, want = gram_matrix(features), gram_matrix(target)
    return _relative((got - want).flatten(1), want.flatten(1))


def _moment_gap(features: Tensor, target: Tensor) -> float:
    got, want = (torch.cat(channel_stats(x), dim=1).flatten(1) for x in (features, target))
    return _relative(got - want, want)


def _relative(difference: Tensor, target: Tensor) -> float:
    """Squared norm of `difference` over that of `target`, (B, n) each."""
    return float((difference.square().sum(1) / target.square().sum(1).clamp_min(_TINY)).mean())


def _ratio(losses: Mapping[str, float], untouched: Mapping[str, float]) -> float:
    """Mean loss over the mean loss of the untouched content."""
    count = len(losses)
    return sum(losses.values()) / count / max(sum(untouched.values()) / count, _SAME_STYLE)
