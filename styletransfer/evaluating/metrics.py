"""LPIPS, FID and ArtFID of a set, beside the judge's figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from styletransfer import images
from styletransfer.evaluating.result import JudgedPicture, SetEvaluation, same_metrics
from styletransfer.evaluating.sets import Pair
from styletransfer.evaluating.summary import common_pairs
from styletransfer.judging import learned
from styletransfer.progress import CountBar, fetch_visibly

__all__ = ["prepare", "with_metrics"]


def prepare(names: Sequence[str], earlier: Iterable[SetEvaluation], *, quiet: bool) -> None:
    """Check before the work that all metrics can be measured, and fetch their networks.

    Raises:
        OptionError: Unknown metric, or a package that is not installed.
        WeightsError: Weights that cannot be fetched or are damaged.
        JudgeError: An earlier evaluation's metrics were measured by other networks.
    """
    labels = {metric.name: metric.label for metric in learned.require(names)}
    same_metrics([labels, *(evaluation.conditions.get("metrics", {}) for evaluation in earlier)])
    for weights in dict.fromkeys(w for name in labels for w in learned.METRICS[name].weights):
        fetch_visibly(weights, quiet=quiet)


def with_metrics(
    evaluation: SetEvaluation,
    names: Sequence[str],
    methods: Iterable[str],
    pairs: Iterable[Pair],
    *,
    long_edge: int | None,
    device: str | None,
    progress: bool,
) -> SetEvaluation:
    """Return the evaluation with metrics of these methods, over the pairs that all methods have.

    Raises:
        ImageError: A picture that is too small for a network.
        OptionError: Fewer than two pairs for FID or ArtFID.
    """
    files = {pair.key: pair for pair in pairs}
    common = set(common_pairs(evaluation.pictures)) & set(files)
    each: dict[tuple[str, str, str], float] = {}
    of_sets = {method: dict(own) for method, own in evaluation.set_figures.items()}
    for method in methods:
        chosen = [p for p in evaluation.pictures if p.method == method and (p.content, p.style) in common]
        scores = _measured(method, chosen, names, files, long_edge, device, progress)
        for name, score in scores.items():
            if score.each:
                each |= {(method, p.content, p.style): x for p, x in zip(chosen, score.each, strict=True)}
            own = of_sets.setdefault(method, {"metric_pictures": float(score.pictures)})
            if score.fid is not None:
                own[name] = score.value
            if score.fid is not None and score.fid != score.value:
                own["art_inception_fid"] = score.fid
    pictures = tuple(_with_lpips(p, each.get((p.method, p.content, p.style))) for p in evaluation.pictures)
    labels = {name: learned.METRICS[name].label for name in names}
    conditions = {**evaluation.conditions, "metrics": {**evaluation.conditions.get("metrics", {}), **labels}}
    return dataclasses.replace(evaluation, pictures=pictures, set_figures=of_sets, conditions=conditions)


def _measured(
    method: str,
    chosen: Sequence[JudgedPicture],
    names: Sequence[str],
    files: Mapping[tuple[str, str], Pair],
    long_edge: int | None,
    device: str | None,
    progress: bool,
) -> dict[str, learned.Score]:
    pairs = [files[p.content, p.style] for p in chosen]
    with CountBar(f"metrics of {method}", quiet=not progress) as bar:
        return learned.measure(
            names,
            [_source(p.stylized, long_edge) for p in chosen],
            [str(pair.content) for pair in pairs],
            [str(pair.style) for pair in pairs],
            device=device,
            progress=bar.update,
        )


def _source(path: str, long_edge: int | None) -> str | bytes:
    """Return a result as it is judged: its file, or the reduced picture as the bytes of one."""
    if long_edge is None:
        return path
    picture = images.read_picture(path, long_edge=long_edge, quiet=True)
    return images.encode_image(picture.rgb, "reduced.png") if max(picture.source_size or ()) > long_edge else path


def _with_lpips(picture: JudgedPicture, value: float | None) -> JudgedPicture:
    if value is None:
        return picture
    return dataclasses.replace(picture, figures={**picture.figures, "lpips": value})
