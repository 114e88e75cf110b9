"""One judge for every method: how much style was taken, and how much content was kept.

The methods' own losses cannot be compared, since each is scaled differently. A judge's figures can, if judge
(`JudgeLabel`) and size are the same.

>>> import torch
>>> content, style = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32) / 4
>>> untouched = evaluate(content, content, style)
>>> untouched.content, untouched.style_ratio
(0.0, 1.0)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from styletransfer import images
from styletransfer.errors import DivergenceError, ImageError, WeightsError
from styletransfer.features import create_extractor
from styletransfer.features.vgg import VGG19Features
from styletransfer.functional import channel_stats, gram_matrix, match_color, total_variation
from styletransfer.images import ImageSource, Picture
from styletransfer.images.pixels import filled
from styletransfer.judging.evaluation import Evaluation
from styletransfer.judging.judges import JUDGES, JudgeInfo, JudgeLabel, find_judge
from styletransfer.judging.measures import color_quantiles, edge_correlation, ssim
from styletransfer.stylizer import Stylization
from styletransfer.weights import catalogue, store

__all__ = ["CONTENT_LAYER", "REFERENCES", "STYLE_LAYERS", "Judge", "Judged", "Pair", "create_judge", "evaluate"]

#: Where content is compared: layout rather than texture (Gatys et al. 2016, section 3).
CONTENT_LAYER = "relu4_2"
#: Where style is compared (Gatys et al. 2016, section 2.2).
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")

#: The reading aids of `Pair.references`.
REFERENCES = ("untouched content", "colours alone")

#: What a judge takes for a picture.
Judged = ImageSource | Picture | Stylization

#: Content and style whose squared distance is below this share of the style's own norm already share their style
#: in that layer; a ratio to less would only magnify rounding (and be 0 / 0 where they are the same picture).
_SAME_STYLE = 1e-3
#: The same for colours: a quarter of a step of 8 bits.
_SAME_COLORS = 1e-3
#: Keeps a flat picture's variance and a black picture's statistics out of the denominator.
_TINY = 1e-8


class _Facts(NamedTuple):
    """What is kept of a picture: (B, 2C) and (B, C, C) by style layer, (B, 512, 64), and the content layer."""

    moments: Mapping[str, Tensor]
    grams: Mapping[str, Tensor]
    colors: Tensor
    content: Tensor


class Judge:
    """A frozen network and the figures that are measured through it.

    Nothing is resized: all three pictures must be at the working size.

    Attributes:
        label: Name, version and hash, which every `Evaluation` carries.
        device: Where it works.

    Example:
        >>> import torch
        >>> judge = create_judge("vgg19-lite-1", device="cpu")
        >>> content, style = torch.rand(1, 3, 48, 64), torch.rand(1, 3, 48, 64) ** 3
        >>> pair = judge.pair(content, style)  # both are looked at once, however many results follow
        >>> round(pair(style).color, 3), pair(content).ssim
        (0.0, 1.0)
    """

    def __init__(self, label: JudgeLabel, network: VGG19Features) -> None:
        self.label = label
        # As for every picture at first: a method's variant of the network must not move the ruler.
        self.network = network.variant(pooling="max", padding="reflect")
        self.device = network.device

    def __call__(self, stylized: Judged, content: Judged, style: Judged) -> Evaluation:
        """Judge one result; see `evaluate`."""
        return self.pair(content, style)(stylized)

    def pair(self, content: Judged, style: Judged) -> Pair:
        """Return what judges results of this content and style.

        Raises:
            ImageError: A picture that cannot be read, or batches that do not fit.
        """
        return Pair(self, _pixels(content, "content", self.device), _pixels(style, "style", self.device))

    def facts(self, picture: Tensor) -> _Facts:
        """Return what is measured of (B, 3, H, W) pictures."""
        features = self.network(picture, (*STYLE_LAYERS, CONTENT_LAYER))
        return _Facts(
            {k: torch.cat(channel_stats(features[k]), dim=1).flatten(1) for k in STYLE_LAYERS},
            {k: gram_matrix(features[k]) for k in STYLE_LAYERS},
            color_quantiles(picture),
            features[CONTENT_LAYER],
        )


class Pair:
    """A content and a style, seen by a judge: call it with a result.

    Attributes:
        judge: Who sees.
        content: (B, 3, H, W).
        style: (B or 1, 3, H', W').
    """

    @torch.no_grad()
    def __init__(self, judge: Judge, content: Tensor, style: Tensor) -> None:
        _check_batches(content, style)
        self.judge, self.content, self.style = judge, content, style
        self._was, self._want = judge.facts(content), judge.facts(style)

    @torch.no_grad()
    def __call__(self, stylized: Judged) -> Evaluation:
        """Judge one result.

        Raises:
            ImageError: A picture that cannot be read, or of another size than the content.
            DivergenceError: Figures that are not finite.
        """
        picture = _pixels(stylized, "stylized", self.judge.device)
        _check_sizes(picture, self.content)
        _check_batches(picture, self.content, self.style)
        was, want = self._was, self._want
        got = was if picture is self.content else self.judge.facts(picture)
        evaluation = Evaluation(
            moment={k: _ratio(got.moments[k], was.moments[k], want.moments[k]) for k in STYLE_LAYERS},
            gram={k: _ratio(got.grams[k], was.grams[k], want.grams[k]) for k in STYLE_LAYERS},
            color=_color_ratio(got.colors, was.colors, want.colors),
            content=_change(got.content, was.content),
            ssim=float(ssim(picture, self.content).mean()),
            edges=float(edge_correlation(picture, self.content).mean()),
            total_variation=float(total_variation(picture).mean()),
            judge=self.judge.label,
            size=(picture.shape[2], picture.shape[3]),
        )
        if not all(math.isfinite(x) for x in (*evaluation.figures().values(), *evaluation.gram.values())):
            raise DivergenceError(
                f"The figures of the judge {self.judge.label.name} are not finite. Are its weights sound "
                "(styletransfer weights verify tells), and are the pictures' values finite?",
                term="judge",
            )
        return evaluation

    def references(self) -> dict[str, Evaluation]:
        """Judge what needs no method, as a reading aid: the content, and the content in the style's colours.

        The latter has the style's mean colour and colour covariance (`functional.match_color`), and none of its
        texture: a method that is not clearly below it in `moment` and `gram` has transferred colours only.
        """
        recolored = Picture(rgb=match_color(self.content, self.style))
        return dict(zip(REFERENCES, (self(Picture(rgb=self.content)), self(recolored)), strict=True))


def create_judge(name: str | None = None, *, device: str | torch.device | None = None) -> Judge:
    """Create a judge.

    Args:
        name: One of `list_judges`; by default the strictest that is installed.
        device: Where to work; see `create_stylizer`.

    Raises:
        OptionError: Unknown judge or device.
        WeightsError: Its network is not installed, or its file is not the one that the judge was frozen with.
    """
    info = find_judge(name)
    _check_frozen(info)
    try:
        return Judge(info.label, create_extractor(info.weights, device=device))
    except WeightsError as error:
        others = [judge for judge in JUDGES.values() if judge.available and judge is not info]
        if name is not None or not others:
            raise
        raise WeightsError(f"{error} Or choose the judge {others[0].name!r}.") from error


def _check_frozen(info: JudgeInfo) -> None:
    """Refuse a network that has replaced the judge's own, however sound it is."""
    held = store.expected_sha256(catalogue.find(info.weights))
    if held != info.sha256:
        raise WeightsError(
            f"The judge {info.name} was frozen with {info.weights} of SHA-256 {info.sha256}, but this package has "
            f"{held}. Install the package again."
        )


def evaluate(
    stylized: Judged,
    content: Judged,
    style: Judged,
    *,
    judge: str | Judge | None = None,
    device: str | torch.device | None = None,
) -> Evaluation:
    """Judge a stylized picture, whichever method or program made it.

    Nothing is resized: give all three pictures at the working size (`load_image` with the same `long_edge`).

    Args:
        stylized: The result: a `Stylization`, path, PIL image, array, or tensor (B, 3, H, W) in [0, 1].
        content: The picture that was repainted, of the same height and width.
        style: The picture whose manner was taken, of any size.
        judge: One of `list_judges`, or a `Judge` from `create_judge`, which loads its network only once. By
            default ``"vgg19-oxford"`` where the extra ``vgg19`` is installed, else the embedded one.
        device: Where to work, for a judge by name.

    Returns:
        The figures, comparable across methods but not across judges.

    Raises:
        ImageError: A picture that cannot be read, or stylized and content of different sizes.
        OptionError: Unknown judge.
        WeightsError: A judge whose network is not installed or is damaged.
        DivergenceError: Figures that are not finite, because of weights or pictures that are not.

    Example:
        >>> import styletransfer as st
        >>> from styletransfer import samples
        >>> content, style = samples.draw("valley", long_edge=64), samples.draw("mosaic", long_edge=64)
        >>> evaluation = st.evaluate(st.stylize(content, style), content, style, judge="vgg19-lite-1")
        >>> sorted(evaluation.gram)
        ['relu1_1', 'relu2_1', 'relu3_1', 'relu4_1', 'relu5_1']
    """
    chosen = judge if isinstance(judge, Judge) else create_judge(judge, device=device)
    return chosen(stylized, content, style)


def _pixels(source: Judged, what: str, device: torch.device) -> Tensor:
    """Return (B, 3, H, W)."""
    if isinstance(source, Stylization):
        image = source.image.to(device, torch.float32)
        return image if source.alpha is None else filled(image, source.alpha.to(device))  # as a file of it is read
    picture = source if isinstance(source, Picture) else images.read_picture(source, what=what)
    return picture.rgb.to(device, torch.float32)


def _check_sizes(stylized: Tensor, content: Tensor) -> None:
    if stylized.shape[2:] != content.shape[2:]:
        sizes = ["x".join(str(side) for side in x.shape[2:]) for x in (stylized, content)]
        edge = max(stylized.shape[2:])
        scale = edge / max(content.shape[2:])
        reduced = all(abs(a - b * scale) < 1 for a, b in zip(stylized.shape[2:], content.shape[2:], strict=True))
        if reduced and scale < 1:
            cure = f"Read the content at the working size: styletransfer.load_image(content, long_edge={edge})."
        elif reduced:
            cure = "Reduce the stylized picture to the content's size."
        else:
            cure = "They have different shapes: give the content as it was cropped."
        raise ImageError(
            f"The stylized picture is {sizes[0]}, the content {sizes[1]} pixels (height x width), but the "
            f"judge compares them place by place. {cure}"
        )


def _check_batches(*pictures: Tensor) -> None:
    if len({x.shape[0] for x in pictures} - {1}) > 1:
        counts = ", ".join(str(x.shape[0]) for x in pictures)
        raise ImageError(f"The batches hold {counts} pictures; give equally many, or one for all.")


def _change(features: Tensor, original: Tensor) -> float:
    """Mean squared change over the variance of `original`, (B, C, h, w) each."""
    change = (features - original).square().mean(dim=(1, 2, 3))
    variance = original.var(dim=(1, 2, 3), unbiased=False)
    return float((change / variance.clamp_min(_TINY)).mean())


def _ratio(got: Tensor, was: Tensor, want: Tensor) -> float:
    """Mean over the batch of the squared distance of `got` from `want` over that of `was`, (B, ...) each."""
    norm = want.flatten(1).square().sum(1).clamp_min(_TINY)
    gap, alone = ((x - want).flatten(1).square().sum(1) for x in (got, was))
    return float((gap / torch.maximum(alone, _SAME_STYLE * norm)).mean())


def _color_ratio(got: Tensor, was: Tensor, want: Tensor) -> float:
    gap, alone = ((x - want).abs().mean(dim=(1, 2)) for x in (got, was))
    return float((gap / alone.clamp_min(_SAME_COLORS)).mean())
