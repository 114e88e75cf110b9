"""The judges by name, as data: which network each sees through, its hash, and its figures' version. No torch.

A judge never changes. A better network becomes a judge under another name, another meaning of the figures raises
the version, and figures of different judges are never compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from styletransfer._checks import choice
from styletransfer.errors import JudgeError
from styletransfer.weights import store

__all__ = [
    "JUDGES",
    "JudgeInfo",
    "JudgeLabel",
    "default_judge",
    "find_judge",
    "list_judges",
    "orientation_text",
    "same_judge",
]


@dataclass(frozen=True)
class JudgeLabel:
    """What every figure carries: who measured it.

    Attributes:
        name: Name of the judge.
        version: Version of what its figures mean.
        sha256: Of the file that its network was read from.
    """

    name: str
    version: int
    sha256: str

    @property
    def text(self) -> str:
        """For people, e.g. ``"vgg19-oxford 2 (c34748d2)"``."""
        return f"{self.name} {self.version} ({self.sha256[:8]})"

    def to_dict(self) -> dict[str, Any]:
        """Return all fields, ready for JSON."""
        return {"name": self.name, "version": self.version, "sha256": self.sha256}

    @classmethod
    def from_dict(cls, stored: object, source: str) -> JudgeLabel:
        """Read what `to_dict` returned.

        Raises:
            JudgeError: Figures without a judge, as versions before 0.2 wrote them; names `source`.
        """
        if isinstance(stored, Mapping):
            name, version, sha256 = (stored.get(key) for key in ("name", "version", "sha256"))
            if isinstance(name, str) and isinstance(version, int) and isinstance(sha256, str):
                return cls(name, version, sha256)
        raise JudgeError(f"{source} does not say which judge made its figures; make it again.")


@dataclass(frozen=True, kw_only=True)
class JudgeInfo:
    """A judge's declaration.

    Attributes:
        name: What users call it.
        version: Raised by every change of what its figures mean.
        weights: The weight set of its network.
        sha256: Of that weight set's file. The judge refuses any other.
        summary: One line.
        orientation: Figures of known results by caption, means over twelve photographs and paintings: a reading
            aid. docs/judges.md has the commands.
    """

    name: str
    version: int
    weights: str
    sha256: str
    summary: str
    orientation: Mapping[str, Mapping[str, float]]

    @property
    def label(self) -> JudgeLabel:
        """What its figures carry."""
        return JudgeLabel(self.name, self.version, self.sha256)

    @property
    def available(self) -> bool:
        """Whether the file of its network is there. It is not read."""
        return any(found.name == self.weights and found.state != "absent" for found in store.list_weights())


#: Version 1 saw relu1_1 to relu4_1 through whatever `vgg19-lite` was at the time.
_VERSION = 2

#: The strict judge first.
JUDGES: Mapping[str, JudgeInfo] = {
    judge.name: judge
    for judge in (
        JudgeInfo(
            name="vgg19-oxford",
            version=_VERSION,
            weights="vgg19-oxford",
            sha256="c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6",
            summary="VGG-19 itself, full width; needs the extra vgg19",
            orientation={
                "a good result": {
                    "moment": 0.043,
                    "gram": 0.056,
                    "deep": 0.069,
                    "color": 0.139,
                    "content": 0.954,
                },
                "a usable one": {"moment": 0.224, "gram": 0.218, "deep": 0.394, "color": 0.232, "content": 0.951},
                "one with little style": {
                    "moment": 0.671,
                    "gram": 0.657,
                    "deep": 0.527,
                    "color": 0.747,
                    "content": 0.299,
                },
            },
        ),
        JudgeInfo(
            name="vgg19-lite-1",
            version=_VERSION,
            weights="vgg19-lite-1",
            sha256="8522fd6761eeedbe2c73a6f004fb80e5cbee03d2d2244c925400377d3997d02f",
            summary="the embedded quarter-width network of 2026, frozen",
            orientation={
                "a good result": {
                    "moment": 0.045,
                    "gram": 0.042,
                    "deep": 0.099,
                    "color": 0.139,
                    "content": 1.214,
                },
                "a usable one": {"moment": 0.174, "gram": 0.26, "deep": 0.41, "color": 0.232, "content": 0.878},
                "one with little style": {
                    "moment": 0.599,
                    "gram": 0.608,
                    "deep": 0.694,
                    "color": 0.747,
                    "content": 0.262,
                },
            },
        ),
    )
}


def list_judges() -> list[str]:
    """Return the names of all judges, the strictest first."""
    return list(JUDGES)


def find_judge(name: str | None = None) -> JudgeInfo:
    """Return a judge's declaration; by default that of `default_judge`.

    Raises:
        OptionError: Unknown name.
    """
    return JUDGES[choice(default_judge() if name is None else name, JUDGES, "judge")]


def default_judge() -> str:
    """Return the name of the strictest judge whose network is on the disk."""
    return next(judge.name for judge in JUDGES.values() if judge.available)


def same_judge(labels: Iterable[JudgeLabel]) -> JudgeLabel:
    """Return the one judge that made several figures.

    Raises:
        JudgeError: Different judges, or none at all.
    """
    found = list(dict.fromkeys(labels))
    if len(found) == 1:
        return found[0]
    if not found:
        raise JudgeError("There are no figures, so no judge; give at least one evaluation.")
    raise JudgeError(
        f"The figures are of different judges: {', '.join(label.text for label in found)}. Such figures cannot be "
        "compared; judge all pictures again with one judge (--judge NAME)."
    )


def orientation_text(label: JudgeLabel) -> str:
    """Return one sentence with the judge's figures of known results, or an empty string if it has none."""
    known = JUDGES[label.name].orientation if label.name in JUDGES and JUDGES[label.name].label == label else {}
    rows = (
        f"{caption}: {', '.join(f'{figure} {value:.2f}' for figure, value in figures.items())}"
        for caption, figures in known.items()
    )
    text = "; ".join(rows)
    return (
        text and f"For orientation, means of this judge over twelve pairs at 256 pixels (docs/judges.md): {text}."
    )
