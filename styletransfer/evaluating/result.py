"""What `evaluate_set` returns: judged pictures, with ways to tables, JSON, a figure and files."""

from __future__ import annotations

import csv
import dataclasses
import functools
import io
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from styletransfer.errors import JudgeError, OptionError
from styletransfer.evaluating.figure import set_figure
from styletransfer.evaluating.judged import Fault, JudgedPicture, numbers, texts
from styletransfer.evaluating.summary import Summary, summarise
from styletransfer.evaluating.table import fault_lines, to_markdown
from styletransfer.files import folder_files, new_folder, ordinary_file, write_together
from styletransfer.judging.judges import JudgeLabel, same_judge

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FILES", "SetEvaluation", "same_metrics"]

#: What `SetEvaluation.save` writes.
FILES = ("evaluation.md", "evaluation.csv", "evaluation.json", "evaluation.png")
_FORMAT, _VERSION = "styletransfer set evaluation", 1


@dataclass(frozen=True, kw_only=True, repr=False)
class SetEvaluation:
    """What `evaluate_set` returns.

    Attributes:
        name: Of the set.
        judge: Whose figures these are.
        pictures: All that are judged, reading aids included.
        faults: All that could not be.
        inputs: The SHA-256 of each file, ``{"content": {name: hash}, "style": {name: hash}}``.
        set_figures: Figures of a method's pictures together, by method, e.g. ``{"mine": {"fid": ...}}``.
        conditions: Versions, device, sizes and date.
        files: Input files, which `save` never overwrites; stored nowhere.
    """

    name: str
    judge: JudgeLabel
    pictures: tuple[JudgedPicture, ...]
    faults: tuple[Fault, ...]
    inputs: Mapping[str, Mapping[str, str]]
    set_figures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    conditions: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = field(default=(), compare=False)

    @property
    def methods(self) -> list[str]:
        """The methods with at least one judged picture, in the order given."""
        return list(dict.fromkeys(picture.method for picture in self.pictures if not picture.aid))

    @functools.cached_property
    def summary(self) -> Summary:
        """Means, intervals and tests over the pairs that all methods with pictures have."""
        return summarise(self.pictures, (fault.method for fault in self.faults))

    def joined(self, other: SetEvaluation) -> SetEvaluation:
        """Return this evaluation with the methods of another one beside its own.

        Raises:
            JudgeError: The other one is of another judge.
            OptionError: It has a method of the same name, other pictures under the same names, or was judged at
                another size.
        """
        same_judge([self.judge, other.judge])
        if both := [name for name in other.methods if name in self.methods]:
            raise OptionError(
                f'Both evaluations have a method "{both[0]}"; give one of them another name (NAME=PATTERN).'
            )
        for kind, files in other.inputs.items():
            for name, sha256 in files.items():
                if self.inputs[kind].get(name, sha256) != sha256:
                    raise OptionError(
                        f'The {kind} picture "{name}" of the earlier evaluation is another file; evaluate both '
                        "methods on the same pictures."
                    )
        sizes = {(p.content, p.style): p.size for p in self.pictures}
        for p in other.pictures:
            if (size := sizes.get((p.content, p.style), p.size)) != p.size:
                raise OptionError(
                    f"The pair {p.content}, {p.style} was judged at {p.size[1]}x{p.size[0]} pixels earlier, and "
                    f"at {size[1]}x{size[0]} now; judge both at one size (--long-edge)."
                )
        same_metrics([self.conditions.get("metrics", {}), other.conditions.get("metrics", {})])
        have = {(p.method, p.content, p.style) for p in self.pictures}
        return dataclasses.replace(
            self,
            pictures=(*self.pictures, *(p for p in other.pictures if (p.method, p.content, p.style) not in have)),
            faults=(*self.faults, *other.faults),
            inputs={kind: {**other.inputs[kind], **self.inputs[kind]} for kind in self.inputs},
            files=(*self.files, *other.files),
            set_figures={**self.set_figures, **other.set_figures},
            conditions={
                **self.conditions,
                "metrics": {**other.conditions.get("metrics", {}), **self.conditions.get("metrics", {})},
                "joined": [*self.conditions.get("joined", []), dict(other.conditions)],
            },
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return {
            "format": _FORMAT,
            "version": _VERSION,
            "set": self.name,
            "judge": self.judge.to_dict(),
            "conditions": dict(self.conditions),
            "summary": self.summary.to_dict(),
            "set_figures": {method: dict(own) for method, own in self.set_figures.items()},
            "faults": [dataclasses.asdict(fault) for fault in self.faults],
            "inputs": {kind: dict(files) for kind, files in self.inputs.items()},
            "pictures": [dataclasses.asdict(picture) for picture in self.pictures],
        }

    def to_json(self) -> str:
        """Return `to_dict` as indented JSON."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read the evaluation.json that `save` has written.

        Raises:
            OptionError: No such file, or one of another kind.
        """
        place = ordinary_file(path, "evaluation", OptionError, give="an evaluation.json")
        try:
            stored = json.loads(place.read_text(encoding="utf-8"))
            json.dumps(stored, allow_nan=False)  # refuses numbers that could not be saved again
            if (stored["format"], stored["version"]) != (_FORMAT, _VERSION):
                raise ValueError(f"format {stored['format']} {stored['version']}")
            return cls(
                name=texts({"set": stored["set"]})["set"],
                judge=JudgeLabel.from_dict(stored["judge"], f'The file "{os.fspath(path)}"'),
                pictures=tuple(JudgedPicture.from_dict(p) for p in stored["pictures"]),
                faults=tuple(Fault(**texts(fault)) for fault in stored["faults"]),
                inputs={kind: texts(stored["inputs"][kind]) for kind in ("content", "style")},
                set_figures={method: numbers(own, method) for method, own in stored["set_figures"].items()},
                conditions={**stored["conditions"], "metrics": texts(stored["conditions"].get("metrics", {}))},
            )
        except JudgeError:
            raise
        except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as problem:
            kind = "" if isinstance(problem, OptionError) else f"{type(problem).__name__}: "
            raise OptionError(
                f'The file "{os.fspath(path)}" is no evaluation of a set, or damaged ({kind}'
                f"{str(problem).rstrip('.')}); give the evaluation.json that was written."
            ) from problem

    def to_markdown(self) -> str:
        """Return the tables of means, of differences between methods, and what could not be judged."""
        return to_markdown(self)

    def fault_lines(self) -> list[str]:
        """Return one line for each reason why pictures could not be judged."""
        return fault_lines(self.faults)

    def to_csv(self) -> str:
        """Return one line for each judged picture."""
        names = list(dict.fromkeys(name for p in self.pictures for name in p.figures))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["method", "content", "style", "stylized", "height", "width", *names])
        for p in self.pictures:
            figures = (p.figures.get(name, "") for name in names)
            writer.writerow([p.method, p.content, p.style, p.stylized, *p.size, *figures])
        return text.getvalue()

    def figure(self) -> Figure:
        """Return a matplotlib figure: for each figure of the judge, the methods' means with their intervals."""
        return set_figure(self)

    def __repr__(self) -> str:
        return f"<SetEvaluation {self.name}: {', '.join(self.methods)}; judge {self.judge.text}>"

    def _repr_markdown_(self) -> str:
        return self.to_markdown()

    def save(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write evaluation.md, .csv, .json and .png; either all of them or none.

        Args:
            folder: Where to; made if only its last part is missing.

        Returns:
            The files, in that order.

        Raises:
            OutputError: A folder that cannot be made or written to, or an input file in the way.
        """
        files = folder_files(folder, FILES, protected=self.files)
        drawn = io.BytesIO()
        self.figure().savefig(drawn, format="png")
        texts = (self.to_markdown(), self.to_csv(), self.to_json())
        contents = [*(text.encode("utf-8", "backslashreplace") for text in texts), drawn.getvalue()]
        with new_folder(folder):
            return write_together(
                {file: functools.partial(_write, content) for file, content in zip(files, contents, strict=True)}
            )


def same_metrics(labels: Iterable[Mapping[str, str]]) -> None:
    """Refuse metrics of one name that were measured by different networks.

    Raises:
        JudgeError: Names both.
    """
    known: dict[str, str] = {}
    for own in labels:
        for name, label in own.items():
            if known.setdefault(name, label) != label:
                raise JudgeError(
                    f"Figures of {known[name]} and of {label} cannot be compared; measure all pictures anew."
                )


def _write(content: bytes, file: Any) -> None:
    file.write(content)
