"""Metrics of the literature that need other people's networks: LPIPS, FID and ArtFID. All are optional.

Importing this module loads no torch. docs/metrics.md says what the figures can be compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from styletransfer._checks import choice
from styletransfer.errors import ImageError, OptionError
from styletransfer.weights import catalogue, store

if TYPE_CHECKING:
    from torch import Tensor

    from styletransfer.images import ImageSource

#: LPIPS and ArtFID reduce larger pictures to this, as StyleID's script does; smaller ones stay as they are.
SHORT_EDGE = 512


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What a metric is and what it needs. Lower is better for all of them; 0 is the best LPIPS and FID.

    Attributes:
        name: What users call it.
        title: Heading of its column.
        summary: What is compared with what.
        weights: Weight sets of its networks.
        package: Python package of the extra ``metrics`` that runs them.
        smallest: Pixels that a picture's sides need at least.
        short_edge: To which larger pictures are reduced before they are read, if they are.
        paper: Whom to cite.
    """

    name: str
    title: str
    summary: str
    weights: tuple[str, ...]
    package: str
    smallest: int
    short_edge: int | None = SHORT_EDGE
    paper: str

    @property
    def label(self) -> str:
        """Name, networks and the hashes of their files: ``"fid (inception-fid 6726825d)"``."""
        files = (f"{name} {str(store.expected_sha256(catalogue.find(name)))[:8]}" for name in self.weights)
        return f"{self.name} ({', '.join(files)})"


#: Every metric by name.
METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            name="lpips",
            title="LPIPS",
            summary="perceptual distance of each stylized picture to its content (AlexNet, version 0.1)",
            weights=("alexnet", "lpips-alex"),
            package="lpips",
            smallest=31,
            paper="Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, 2018",
        ),
        Metric(
            name="fid",
            title="FID",
            summary="Fréchet distance of the stylized pictures to the style pictures (TensorFlow's Inception); "
            "comparable only between equally many pictures of the same styles",
            weights=("inception-fid",),
            package="torch_fidelity",
            smallest=16,
            short_edge=None,
            paper="Heusel et al., GANs Trained by a Two Time-Scale Update Rule, NeurIPS 2017",
        ),
        Metric(
            name="artfid",
            title="ArtFID",
            summary="(1 + mean LPIPS) (1 + FID), where FID is that of an Inception trained on paintings; "
            "comparable only between equally many pictures of the same styles",
            weights=("alexnet", "lpips-alex", "art-inception"),
            package="lpips",
            smallest=75,
            paper="Wright and Ommer, ArtFID: Quantitative Evaluation of Neural Style Transfer, GCPR 2022",
        ),
    )
}


@dataclass(frozen=True, kw_only=True)
class Score:
    """One figure of a set of pictures.

    Attributes:
        label: `Metric.label`; figures of different labels cannot be compared.
        value: The figure; for LPIPS the mean.
        each: LPIPS of each picture, where it was measured.
        fid: FID, or the factor of ArtFID that is one; papers on style transfer mostly call the latter FID.
        pictures: How many stylized pictures.
        styles: How many different style pictures.
    """

    label: str
    value: float
    each: tuple[float, ...] = ()
    fid: float | None = None
    pictures: int
    styles: int


def require(names: Sequence[str]) -> list[Metric]:
    """Return the metrics of these names if their packages are installed. Nothing is imported or fetched.

    Raises:
        OptionError: Unknown metric, or a package that is not installed; names the command that installs it.
    """
    metrics = [METRICS[choice(name, METRICS, "metric")] for name in dict.fromkeys(names)]
    for metric in metrics:
        if find_spec(metric.package) is None:
            raise OptionError(
                f"The metric {metric.name!r} needs the package {metric.package.replace('_', '-')}, which is not "
                'installed. Install it: python -m pip install "styletransfer-toolkit[metrics]".'
            )
    return metrics


def measure(
    names: Sequence[str],
    stylized: Sequence[ImageSource],
    contents: Sequence[ImageSource],
    styles: Sequence[ImageSource],
    *,
    device: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Score]:
    """Measure a set of stylized pictures; weights that are not there yet are fetched and checked.

    Args:
        names: Of metrics.
        stylized: The results.
        contents: The content of each result. The larger of the two is reduced to the size of the other.
        styles: The style of each result. One that made several results counts as often, as in ArtFID.
        device: Where the networks run; by default CUDA, else MPS, else the CPU.
        progress: Called with (readings so far, readings in all).

    Returns:
        A figure for each metric, by name.

    Raises:
        OptionError: Unknown metric, package that is not installed, lists of different lengths, or fewer than two
            pictures for FID and ArtFID.
        ImageError: A picture that cannot be read, is too small, or has another shape than its content.
        WeightsError: Weights that cannot be fetched or are damaged.
    """
    metrics = require(names)
    sets = [metric for metric in metrics if metric.name != "lpips"]
    paired = [metric for metric in metrics if "lpips-alex" in metric.weights]
    _check_counts(len(stylized), len(contents), len(styles), at_least=2 if sets else 1)
    different = [len({_key(source) for source in group}) for group in (stylized, styles)]
    total = len(stylized) * bool(paired) + sum(different) * len(sets)
    done = iter(range(1, total + 1))

    def step() -> None:
        if progress is not None:
            progress(next(done), total)

    from styletransfer.judging import learned_networks  # loads torch

    distance = learned_networks.lpips_distance(device) if paired else None
    networks = {metric.name: learned_networks.FEATURES[metric.name](device) for metric in sets}
    each = _lpips(distance, paired[-1], stylized, contents, step) if distance else ()
    mean = sum(each) / max(1, len(each))
    scores = {}
    for metric in metrics:
        fid = 0.0
        if metric in sets:
            groups = [_features(networks[metric.name], metric, group, step) for group in (stylized, styles)]
            fid = learned_networks.frechet_distance(*groups)
        scores[metric.name] = Score(
            label=metric.label,
            value={"lpips": mean, "fid": fid, "artfid": (1 + mean) * (1 + fid)}[metric.name],
            each=each if metric in paired else (),
            fid=fid if metric in sets else None,
            pictures=len(stylized),
            styles=different[1],
        )
    return scores


def _check_counts(stylized: int, contents: int, styles: int, at_least: int) -> None:
    if not stylized == contents == styles:
        raise OptionError(
            f"Got {stylized} stylized, {contents} content and {styles} style pictures; give one content and one "
            "style for each stylized picture, repeated where necessary."
        )
    if stylized < at_least:
        raise OptionError(f"Got {stylized} stylized pictures; the metrics asked for need at least {at_least}.")


def _lpips(
    distance: Callable[[Tensor, Tensor], float],
    metric: Metric,
    stylized: Sequence[ImageSource],
    contents: Sequence[ImageSource],
    step: Callable[[], None],
) -> tuple[float, ...]:
    found = []
    for source, original in zip(stylized, contents, strict=True):
        found.append(distance(*_at_one_size(source, original, metric)))
        step()
    return tuple(found)


def _at_one_size(source: ImageSource, original: ImageSource, metric: Metric) -> list[Tensor]:
    """Return a result and its content at the smaller one's size."""
    from styletransfer import images

    pair = [_read(one, metric) for one in (source, original)]
    edge = min(max(image.shape[2:]) for image in pair)
    for place, one in enumerate((source, original)):
        if max(pair[place].shape[2:]) > edge:
            pair[place] = images.load_image(one, long_edge=edge)
    result, content = (image.shape[2:] for image in pair)
    if any(abs(a - b) > 1 for a, b in zip(result, content, strict=True)):  # more than a rounded side
        raise ImageError(
            f"{_shown(source)} and its content {_shown(original)} have different shapes: {_size(pair[0])} and "
            f"{_size(pair[1])} pixels (height x width). LPIPS compares them place by place; give the content "
            "as it was cropped for the result."
        )
    return [pair[0], pair[1] if result == content else images.resize(pair[1], (result[0], result[1]))]


def _features(
    network: Callable[[Tensor], Tensor], metric: Metric, sources: Sequence[ImageSource], step: Callable[[], None]
) -> Tensor:
    """Return (N, 2048); a picture that comes several times is read once."""
    import torch

    known: dict[object, Tensor] = {}
    for source in sources:
        if _key(source) not in known:
            known[_key(source)] = network(_read(source, metric))
            step()
    return torch.cat([known[_key(source)] for source in sources])


def _read(source: ImageSource, metric: Metric) -> Tensor:
    """Return (1, 3, H, W)."""
    from styletransfer.images import load_image

    image = load_image(source, short_edge=metric.short_edge)
    if image.shape[0] != 1 or min(image.shape[2:]) < metric.smallest:
        raise ImageError(
            f"{_shown(source)} holds {image.shape[0]} picture(s) of {_size(image)} pixels (height x width); "
            f"{metric.title} reads one at a time, with sides of at least {metric.smallest}."
        )
    return image


def _key(source: ImageSource) -> object:
    """Return what tells whether two sources are the same picture."""
    return source if isinstance(source, (str, Path, bytes)) else id(source)


def _shown(source: ImageSource) -> str:
    return f'"{source}"' if isinstance(source, (str, Path)) else f"A picture ({type(source).__name__})"


def _size(image: Tensor) -> str:
    return "x".join(map(str, image.shape[2:]))
