"""Judge the pictures of several methods over a set of pairs.

>>> from pathlib import Path
>>> from styletransfer import samples
>>> for name in ("valley", "mosaic", "night"):
...     samples.draw(name, long_edge=64).save(f"{name}.png")
>>> evaluation = evaluate_set([("valley.png", "mosaic.png")], {"copy": "{content}.png"})
>>> evaluation.summary.means["copy"]["ssim"].mean
1.0
"""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import torch

from styletransfer._checks import integer
from styletransfer.errors import DivergenceError, EvaluateInterrupted, ImageError
from styletransfer.evaluating.earlier import check_earlier, joined
from styletransfer.evaluating.judged import Fault, JudgedPicture
from styletransfer.evaluating.metrics import prepare, with_metrics
from styletransfer.evaluating.patterns import Find, find_pictures, sources_of, table_files
from styletransfer.evaluating.reading import PairReader, read_style, size_of
from styletransfer.evaluating.result import FILES, SetEvaluation
from styletransfer.evaluating.sets import Pair, PairSet, read_set
from styletransfer.evaluating.tables import Source, several, text_path
from styletransfer.files import folder_files
from styletransfer.images import SMALLEST_SIDE
from styletransfer.judging.evaluation import Evaluation
from styletransfer.judging.judge import Judge, create_judge
from styletransfer.judging.judge import Pair as SeenPair
from styletransfer.judging.judges import same_judge
from styletransfer.progress import CountBar
from styletransfer.recording import versions
from styletransfer.weights.store import sha256_of

__all__ = ["evaluate_set"]


def evaluate_set(
    pairs: Source | Iterable[tuple[Source, Source]],
    pictures: Source | Sequence[Source] | Mapping[str, Source],
    *,
    contents: Source | None = None,
    styles: Source | None = None,
    judge: str | Judge | None = None,
    device: str | torch.device | None = None,
    long_edge: int | None = None,
    add: Source | SetEvaluation | Sequence[Source | SetEvaluation] = (),
    metrics: str | Sequence[str] = (),
    output: Source | None = None,
    progress: bool = False,
) -> SetEvaluation:
    """Judge pictures of any method, ours or another program's, over a set of pairs.

    Pictures that are missing, cannot be read or do not fit their content are listed in `SetEvaluation.faults`;
    the others are judged.

    Args:
        pairs: A CSV file with the columns content and style, pairs of paths, or the name of a set: "styleid".
        pictures: Patterns by method, e.g. ``{"mine": "out/{content}_{style}.png"}``; or texts like
            ``"mine=out/{content}_{style}.png"``, or CSV files with the columns method, content, style, stylized.
        contents: Folder of the content pictures, for names in the table and for named sets.
        styles: The same of the style pictures.
        judge: Name of a judge, or one from `create_judge`; the strictest that is installed by default.
        device: Where it works.
        long_edge: Reduce all pictures to this longer side; by default, each pair is judged at the size of the
            first method's picture.
        add: Earlier evaluations of other methods by the same judge, or their evaluation.json.
        metrics: Also measure these over the pairs that all methods have: "lpips", "fid", "artfid".
        output: The folder that `SetEvaluation.save` will get, so that it is refused before the work where it
            cannot be written or an input would be overwritten. Nothing is written.
        progress: Show a progress bar.

    Returns:
        A `SetEvaluation`.

    Raises:
        StyleTransferError: Bad input; found before any work wherever it can be.
        ImageError: Not one picture could be judged.
        EvaluateInterrupted: Ctrl-C once there is something to keep; carries the evaluation so far.
    """
    if long_edge is not None:
        integer(long_edge, "long_edge", low=SMALLEST_SIDE)
    added, wanted = (
        several(add, "add", SetEvaluation),
        [text_path(m, "A metric") for m in several(metrics, "metrics")],
    )
    sources = sources_of(pictures)
    chosen = read_set(pairs, contents=contents, styles=styles, long_edge=long_edge)
    found = find_pictures(sources, chosen)
    files = _input_files(chosen, found, [pairs, *table_files(sources), *added])
    if output is not None:
        folder_files(output, FILES, protected=files)
    earlier = [
        e if isinstance(e, SetEvaluation) else SetEvaluation.load(text_path(e, "An earlier evaluation"))
        for e in added
    ]
    network = judge if isinstance(judge, Judge) else create_judge(judge, device=device)
    same_judge([network.label, *(evaluation.judge for evaluation in earlier)])
    check_earlier(earlier, found, chosen)
    work = _Work(chosen, found, network, earlier, files)
    joined(work.result(), earlier)  # refuses other files under the same names before the work
    prepare(wanted, earlier, quiet=not progress)
    try:
        work.run(progress=progress)
        if not work.pictures:
            raise ImageError(
                f"None of the {work.total} pictures of {', '.join(found)} could be judged. The first: "
                f"{work.faults[0].reason}"
            )
        evaluation = joined(work.result(), earlier)
        if not wanted:
            return evaluation
        new = [method for method in evaluation.methods if method in found]
        return with_metrics(evaluation, wanted, new, chosen, device=device, progress=progress)
    except KeyboardInterrupt:
        if not work.pictures:
            raise
        raise EvaluateInterrupted(
            f"Interrupted after {work.done} of {work.total} pictures; what is judged is kept on this exception as "
            ".evaluation.",
            evaluation=joined(work.result(interrupted=True), earlier),
        ) from None


class _Work:
    """The pictures of a set, one after the other; at the sizes of earlier evaluations where they judged a pair."""

    def __init__(
        self,
        chosen: PairSet,
        found: Mapping[str, Find],
        judge: Judge,
        earlier: Iterable[SetEvaluation],
        files: tuple[Path, ...],
    ) -> None:
        self.chosen, self.found, self.judge, self.files = chosen, found, judge, files
        self.reader = PairReader(chosen.long_edge)
        self.pictures: list[JudgedPicture] = []
        self.faults: list[Fault] = []
        self.sizes = {(p.content, p.style): p.size for evaluation in earlier for p in evaluation.pictures}
        self.inputs = {
            kind: {path.stem: sha256_of(path) for path in dict.fromkeys(paths) if _is_file(path)}
            for kind, paths in (
                ("content", (pair.content for pair in chosen.pairs)),
                ("style", (pair.style for pair in chosen.pairs)),
            )
        }
        self.done, self.total = 0, len(chosen.pairs) * len(found)

    def run(self, *, progress: bool) -> None:
        """Judge all of them; faults are collected."""
        with CountBar("evaluate", self.total, quiet=not progress) as bar:
            for pair in self.chosen.pairs:
                for _ in self._pair(pair):
                    self.done += 1
                    bar.update(self.done, note=f"{self.done} of {self.total} pictures")

    def _pair(self, pair: Pair) -> Iterator[None]:
        size = self.sizes.get(pair.key)
        seen: SeenPair | None = None
        aids: dict[str, Evaluation] = {}
        for method, find in self.found.items():
            try:
                path = find(pair)
                stylized, content = self.reader.read(path, pair.content, size)
                if seen is None:
                    size = size_of(content)
                    seen = self.judge.pair(content, read_style(pair.style, size))
                    aids = seen.references()
                evaluation = seen(stylized)
            except (ImageError, DivergenceError) as problem:
                self.faults.append(
                    Fault(method=method, content=pair.key[0], style=pair.key[1], reason=str(problem))
                )
            else:
                self.pictures.append(_judged(method, pair, evaluation, path))
                self.pictures += [_judged(name, pair, aid) for name, aid in aids.items()]
                aids = {}
            yield

    def result(self, *, interrupted: bool = False) -> SetEvaluation:
        """Return what is judged so far."""
        so_far = f"{self.done} of {self.total} pictures judged"
        so_far += ", metrics not measured" * (self.done == self.total)
        return SetEvaluation(
            name=self.chosen.name,
            judge=self.judge.label,
            pictures=tuple(self.pictures),
            faults=tuple(self.faults),
            inputs=self.inputs,
            files=self.files,
            conditions={
                "date": datetime.now(UTC).isoformat(timespec="seconds"),
                "versions": versions(),
                "platform": platform.platform(),
                "threads": torch.get_num_threads(),
                "device": str(self.judge.device),
                "long_edge": self.chosen.long_edge,
                "pairs": len(self.chosen.pairs),
                "metrics": {},
                **({"interrupted": so_far} if interrupted else {}),
            },
        )


def _judged(method: str, pair: Pair, evaluation: Evaluation, path: Path | None = None) -> JudgedPicture:
    return JudgedPicture(
        method=method,
        content=pair.key[0],
        style=pair.key[1],
        stylized="" if path is None else str(path),
        sha256="" if path is None else sha256_of(path),
        size=evaluation.size,
        figures=evaluation.figures(),
        layers={"moment": dict(evaluation.moment), "gram": dict(evaluation.gram)},
        aid=path is None,
    )


def _input_files(chosen: PairSet, found: Mapping[str, Find], given: Iterable[object]) -> tuple[Path, ...]:
    """Return all files that are read, so that none of them is overwritten."""
    files = [Path(source).absolute() for source in given if isinstance(source, (str, os.PathLike))]
    for pair in chosen.pairs:
        files += [pair.content.absolute(), pair.style.absolute()]
        for find in found.values():
            with contextlib.suppress(ImageError):  # judging tells
                files.append(find(pair).absolute())
    return tuple(dict.fromkeys(files))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False
