"""LPIPS, FID and ArtFID of a set, beside the judge's figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from styletransfer import images
from styletransfer.errors import StyleTransferError
from styletransfer.evaluating.judged import Fault, JudgedPicture
from styletransfer.evaluating.result import SetEvaluation, same_metrics
from styletransfer.evaluating.sets import PairSet
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
    chosen: PairSet,
    *,
    device: object = None,
    progress: bool = False,
) -> SetEvaluation:
    """Return the evaluation with metrics of some methods, over the pairs that all methods have.

    A method whose pictures cannot be measured, say because they are too small, becomes a fault.

    Args:
        evaluation: What is judged.
        names: Of metrics.
        methods: Whose pictures are measured.
        chosen: The set, whose files are read.
        device: Where the networks run.
        progress: Show a progress bar for each method.
    """
    files = {pair.key: pair for pair in chosen.pairs}
    common = [key for key in common_pairs(evaluation.pictures) if key in files]
    each: dict[tuple[str, str, str], float] = {}
    of_sets = {method: dict(own) for method, own in evaluation.set_figures.items()}
    faults = list(evaluation.faults)
    for method in methods:
        judged = {(p.content, p.style): p for p in evaluation.pictures if p.method == method}
        try:
            with CountBar(f"metrics of {method}", quiet=not progress) as bar:
                scores = learned.measure(
                    names,
                    [_source(judged[key].stylized, chosen.long_edge) for key in common],
                    [str(files[key].content) for key in common],
                    [str(files[key].style) for key in common],
                    device=None if device is None else str(device),
                    progress=bar.update,
                )
        except StyleTransferError as problem:
            faults.append(Fault(method, "", "", f"No metrics: {problem}"))
            continue
        for score in scores.values():
            each |= {(method, *key): value for key, value in zip(common, score.each, strict=bool(score.each))}
        of_sets[method] = _of_set(scores)
    return dataclasses.replace(
        evaluation,
        pictures=tuple(_with_lpips(p, each.get((p.method, p.content, p.style))) for p in evaluation.pictures),
        faults=tuple(faults),
        set_figures=of_sets,
        conditions={
            **evaluation.conditions,
            "metrics": {
                **evaluation.conditions.get("metrics", {}),
                **{name: learned.METRICS[name].label for name in names},
            },
        },
    )


def _of_set(scores: Mapping[str, learned.Score]) -> dict[str, float]:
    """Return the figures of a method's pictures together, and of how many they are."""
    own: dict[str, float] = {"metric_pictures": next(iter(scores.values())).pictures}
    for name, score in scores.items():
        if score.fid is not None:
            own[name] = score.value
            if score.fid != score.value:
                own["art_inception_fid"] = score.fid
    return own


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
