"""What a comparison holds: its rows, and its ways to a table, JSON, a figure and files."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from styletransfer import images
from styletransfer.files import folder_files, new_folder, write_contents
from styletransfer.images import Picture
from styletransfer.judging.evaluation import FIGURES, Evaluation
from styletransfer.judging.judges import JudgeLabel, orientation_text, same_judge
from styletransfer.peers.run import PeerResult
from styletransfer.plotting import comparison_figure, title
from styletransfer.recording import html_page
from styletransfer.stylizer import Stylization

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Comparison", "ComparisonRow", "describe_progress", "output_files"]


@dataclass(frozen=True, kw_only=True)
class ComparisonRow:
    """One line in the table: of a method, or of a peer.

    Attributes:
        method: Name of the method or peer.
        seconds: Wall-clock time; what it contains, `clock` says.
        steps: Steps taken; 1 for a feed-forward method, None for a peer.
        losses: The method's own terms; comparable only between runs of the same method.
        objectives: By name of a method in the comparison that minimises something: the total that it minimises,
            of this row's picture, so that all pictures stand on one scale.
        evaluation: What the judge says; comparable between methods.
        clock: ``"work"``, without loading weights, reading and writing files; or a peer's ``"whole process"``.
    """

    method: str
    seconds: float
    steps: int | None
    losses: Mapping[str, float]
    objectives: Mapping[str, float]
    evaluation: Evaluation
    clock: str = "work"

    def to_dict(self) -> dict[str, Any]:
        """Return all fields, ready for JSON."""
        return {
            "method": self.method,
            "seconds": self.seconds,
            "clock": self.clock,
            "steps": self.steps,
            "losses": dict(self.losses),
            "objectives": dict(self.objectives),
            "evaluation": self.evaluation.to_dict(),
        }


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Comparison:
    """What `compare` returns. A notebook shows the pictures with seconds and the judge's figures.

    Attributes:
        content: At the working size.
        style: At the working size.
        rows: One for each method, in the order asked for, and for each peer that made a picture.
        references: The same judge's figures of what needs no method (`judging.judge.Pair.references`).
        results: The runs by method, pictures and histories included.
        conditions: Versions, device, threads, extractor, judge, sizes, date: what the numbers hold for.
        peers: What other people's programs made, by name.
        failures: Why the other peers made nothing, by name.

    Raises:
        JudgeError: Rows of different judges.
    """

    content: Picture
    style: Picture
    rows: tuple[ComparisonRow, ...]
    references: Mapping[str, Evaluation]
    results: Mapping[str, Stylization]
    conditions: Mapping[str, Any]
    peers: Mapping[str, PeerResult] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse figures that cannot be compared."""
        same_judge([self.judge, *(row.evaluation.judge for row in self.rows)])

    @property
    def judge(self) -> JudgeLabel:
        """Who measured."""
        return same_judge(evaluation.judge for evaluation in self.references.values())

    @property
    def pictures(self) -> dict[str, Stylization | PeerResult]:
        """Everything that has a picture, by name, in the order of the rows."""
        return {**self.results, **self.peers}

    def to_dict(self) -> dict[str, Any]:
        """Return conditions, rows and each run's record, ready for JSON."""
        return {
            "conditions": dict(self.conditions),
            "rows": [row.to_dict() for row in self.rows],
            "references": {name: judged.to_dict() for name, judged in self.references.items()},
            "runs": {method: result.record() for method, result in self.results.items()},
            "peers": {name: result.to_dict() for name, result in self.peers.items()},
            "failures": dict(self.failures),
        }

    def to_json(self) -> str:
        """Return `to_dict` as indented JSON."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Return the headings of a table, and its lines: methods, peers that failed, what needs no method."""
        owners = list(self.rows[0].objectives) if self.rows else []
        figures = [figure.title for figure in FIGURES.values()]
        headings = ["method", "seconds", "steps", *figures, *(f"{title(owner)} loss" for owner in owners)]
        lines = []
        for row in self.rows:
            name = row.method + (" (interrupted)" if is_interrupted(self.pictures[row.method]) else "")
            own = (f"{row.objectives[owner]:.4g}" for owner in owners)
            seconds = f"{row.seconds:.2f}" + (f" ({row.clock})" if row.clock != "work" else "")
            lines.append([name, seconds, str(row.steps or ""), *_cells(row.evaluation), *own])
        for name, message in self.failures.items():
            lines.append([name, f"failed: {message}", *[""] * (len(headings) - 2)])
        for name, judged in self.references.items():
            lines.append([name, "", "", *_cells(judged), *[""] * len(owners)])
        return headings, lines

    def notes(self) -> list[str]:
        """Return what the figures of `table` mean, and under which conditions they hold, in sentences."""
        owners = list(self.rows[0].objectives) if self.rows else []
        notes = [
            *(f"{figure.title}: {figure.meaning}." for figure in FIGURES.values()),
            *(
                f"{title(owner)} loss: the total that {title(owner)} minimises, of each picture."
                for owner in owners
            ),
            orientation_text(self.judge),
            f"Seconds: {self.conditions['seconds']}.",
            *(_peer_note(result) for result in self.peers.values()),
            f"Conditions: {self._setting()}.",
        ]
        return [note for note in notes if note]

    def to_markdown(self) -> str:
        """Return a table with one line a method, a reading aid below them, and the conditions under it."""
        headings, lines = self.table()
        told = [[cell.replace("|", "/") for cell in line] for line in lines]
        for line in told[len(self.rows) + len(self.failures) :]:
            line[0] = f"*{line[0]}*"
        rules = f"|---|{'---:|' * (len(headings) - 1)}"
        rows = [f"| {' | '.join(cells)} |" for cells in (headings, *told)]
        return "\n".join([rows[0], rules, *rows[1:], "", *(f"- {note}" for note in self.notes()), ""])

    def _setting(self) -> str:
        """Say in one line where the numbers come from."""
        c = self.conditions
        height, width = c["content_size"]
        names = dict.fromkeys(c["extractors"].values())
        each = [f"{title(method)} on {name}" for method, name in c["extractors"].items()]
        extractors = f"extractor {next(iter(names))}" if len(names) == 1 else ", ".join(each)
        threads = "" if c["device"].startswith("cuda") else f", {c['threads']} thread(s)"
        asked = "".join(f"{words}; " for words in c.get("asked", ()))
        return (
            f"{width}x{height} pixels; {asked}{extractors}; "
            f"{c['device_name']}{threads}; torch {c['versions']['torch']}, "
            f"styletransfer {c['versions']['styletransfer']}; judge {self.judge.text}"
        )

    def figure(self) -> Figure:
        """Return a matplotlib figure: inputs, results, loss bars, and losses over seconds."""
        return comparison_figure(
            self.content.rgb,
            self.style.rgb,
            self.pictures,
            {row.method: row.evaluation for row in self.rows},
            {row.method: row.objectives for row in self.rows},
            caption=self._setting(),
        )

    def __repr__(self) -> str:
        height, width = self.content.rgb.shape[2:]
        runs = ", ".join(f"{row.method} {row.seconds:.2f} s" for row in self.rows)
        return f"<Comparison {runs}; {width}x{height} pixels>"

    def _repr_png_(self) -> bytes:
        return self._figure_bytes()

    def _repr_html_(self) -> str:
        pictures = {"content": self.content.rgb, "style": self.style.rgb}
        runs = {
            row.method: (
                row.seconds,
                {"style ratio": row.evaluation.style_ratio, "content": row.evaluation.content},
            )
            for row in self.rows
        }
        return html_page(pictures | {name: result.image for name, result in self.pictures.items()}, runs)

    def save(self, folder: str | os.PathLike[str], *, inputs: bool = False) -> list[Path]:
        """Write comparison.png (the figure), comparison.json, comparison.md and each method's and peer's picture.

        Either all of them appear or none.

        Args:
            folder: Where to; made if only its last part is missing. Earlier results in it are replaced.
            inputs: Also write content.png and style.png, at the working size.

        Returns:
            The files, in that order.

        Raises:
            OutputError: A folder that cannot be made or written to, or a file in the way that was an input.
        """
        protected = [picture.path for picture in (self.content, self.style) if picture.path is not None]
        files = output_files(folder, tuple(self.pictures), protected=protected, inputs=inputs)
        contents = [self._figure_bytes(), self.to_json().encode(), self.to_markdown().encode()]
        pictures = [(result.image, result.alpha) for result in self.results.values()]
        pictures += [(result.image, self.content.alpha) for result in self.peers.values()]
        if inputs:
            pictures += [(picture.rgb, picture.alpha) for picture in (self.content, self.style)]
        contents += [
            images.encode_image(image, file, alpha=alpha)
            for file, (image, alpha) in zip(files[len(contents) :], pictures, strict=True)
        ]
        with new_folder(folder):
            return write_contents(dict(zip(files, contents, strict=True)))

    def _figure_bytes(self) -> bytes:
        drawn = io.BytesIO()
        self.figure().savefig(drawn, format="png")
        return drawn.getvalue()


def _cells(evaluation: Evaluation) -> list[str]:
    return [f"{value:.3f}" for value in evaluation.figures().values()]


def is_interrupted(result: Stylization | PeerResult) -> bool:
    """Whether a run was stopped by Ctrl-C, its picture kept; a peer's never is."""
    return isinstance(result, Stylization) and result.stopped == "interrupted"


def _peer_note(result: PeerResult) -> str:
    """Say whose program made a picture, and how."""
    resized = result.resized_from
    return (
        f"{result.peer} {result.version} (licence: {result.licence}), in a process of its own; seconds of the "
        f"{result.clock}; "
        + ", ".join(f"{name} {value}" for name, value in result.settings.items())
        + (f"; resized from {resized[1]}x{resized[0]}" if resized else "")
        + "."
    )


def describe_progress(reached: Comparison, asked: Sequence[str]) -> str:
    """Return ``"first after 12 step(s), second not run"``: how far a comparison came that was interrupted."""

    def state(name: str) -> str:
        result = reached.pictures.get(name)
        if result is None:
            return "failed" if name in reached.failures else "not run"
        if isinstance(result, Stylization) and result.stopped == "interrupted":
            return f"after {len(result.history)} step(s)"
        return "done"

    return ", ".join(f"{name} {state(name)}" for name in asked)


def output_files(
    folder: str | os.PathLike[str],
    methods: Sequence[str],
    *,
    protected: Sequence[str | os.PathLike[str]] = (),
    inputs: bool = False,
) -> list[Path]:
    """Return the files that `Comparison.save` will write; finds out before the work whether it can.

    Args:
        folder: Where to.
        methods: Names of the methods and peers.
        protected: Input files, which must not be overwritten.
        inputs: Whether content.png and style.png are among them.

    Raises:
        OutputError: A folder that cannot be made or written to, or an input file in the way.
    """
    names = ["comparison.png", "comparison.json", "comparison.md", *(f"{method}.png" for method in methods)]
    return folder_files(folder, names + ["content.png", "style.png"] * inputs, protected=protected)
