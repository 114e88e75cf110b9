"""What the package wants to reach in speed and memory: data, and how a row says what it has reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.plan import HUGE

Unit = Literal["times", "of", "GB", "s", "ms", "pictures a second", "off"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A mark.

    Attributes:
        name: As tables call it.
        what: What is measured, and beside what.
        wanted: The mark.
        unit: ``"times"`` as fast as the reference, a share ``"of"`` the reference's time or ``"off"`` the
            measured value, or a unit of its own.
        least: Whether more is better.
        size: Long edge at which the mark is meant, or empty; at other sizes it is a hint.
    """

    name: str
    what: str
    wanted: float
    unit: Unit = "times"
    least: bool = True
    size: str = "512"

    def reached(self, value: float) -> bool:
        """Whether `value` is as good as wanted."""
        return value >= self.wanted if self.least else value <= self.wanted

    def record(self, value: float, size: str) -> dict[str, Any]:
        """Return what a row keeps of it."""
        return {
            "name": self.name,
            "what": self.what,
            "unit": self.unit,
            "wanted": self.wanted,
            "least": self.least,
            "value": value,
            "reached": self.reached(value),
            "meant": self.size in ("", size),
        }


_THEN = "the package at commit 48d8b17"
#: By name. Times are processor seconds of one thread, except on a GPU and for the batch.
TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        Target(name="C1", what=f"AdaIN, style cached, over {_THEN}", wanted=1.3),
        Target(name="C2", what=f"the same in bfloat16 over {_THEN} in float32", wanted=2.3),
        Target(name="C3", what=f"AdaIN, one-pass decoder, of {_THEN}", wanted=0.20, unit="of", least=False),
        Target(name="C3 bf16", what="the same in bfloat16", wanted=0.12, unit="of", least=False),
        Target(name="C3 onnxruntime", what="the same by onnxruntime", wanted=0.17, unit="of", least=False),
        Target(name="C3 openvino", what="the same by openvino", wanted=0.17, unit="of", least=False),
        Target(name="C3 compiled", what="the same by torch.compile", wanted=0.17, unit="of", least=False),
        Target(name="C4", what="AdaIN at full width, style cached, over the textbook", wanted=2.5),
        Target(name="C5", what=f"one step of Gatys over {_THEN}", wanted=1.15),
        Target(name="C5 bf16", what=f"the same in bfloat16 over {_THEN} in float32", wanted=1.6),
        Target(name="C6 lite", what=f"Gatys to the loss of {_THEN}, vgg19-lite", wanted=2.0, size="256"),
        Target(name="C6 full", what=f"Gatys to the loss of {_THEN}, full width", wanted=2.5, size="256"),
        Target(name="C7 lbfgs", what="Gatys to the loss of 500 textbook steps of L-BFGS", wanted=10.0, size=""),
        Target(name="C7 adam", what="Gatys to the loss of 500 textbook steps of Adam", wanted=10.0, size=""),
        Target(name="C8 memory", what="AdaIN, whole process", wanted=2.2, unit="GB", least=False, size=HUGE),
        Target(name="C8 time", what=f"AdaIN of {_THEN}, untiled", wanted=1.05, unit="of", least=False, size=HUGE),
        Target(name="C9", what="stylize from the shell, a whole process", wanted=3.0, unit="s", least=False),
        Target(name="batch", what="a folder by AdaIN over stylize for each, by the clock", wanted=1.7, size="256"),
        Target(name="forecast", what="memory told before a run", wanted=0.25, unit="off", least=False),
        Target(name="G1", what="AdaIN at full width, style cached", wanted=0.65, unit="ms", least=False),
        Target(name="G1 textbook", what="the same over the textbook", wanted=6.0),
        Target(name="G2", what="one step of Gatys at full width", wanted=0.9, unit="ms", least=False),
        Target(
            name="G3",
            what="AdaIN, 1920x1080, eight at once",
            wanted=1000,
            unit="pictures a second",
            size="1920x1080",
        ),
    )
}


def in_words(value: float, unit: str) -> str:
    """Return a value of a target for people."""
    if unit == "times":
        return f"{value:.2f} times"
    if unit in ("of", "off"):
        return f"{value:.1%} {unit}"
    return f"{value:.3g} {unit}"


def wanted(mark: Mapping[str, Any]) -> str:
    """Return what `Target.record` says was wanted."""
    return f"{'at least' if mark['least'] else 'at most'} {in_words(mark['wanted'], mark['unit'])}"


def reached(mark: Mapping[str, Any]) -> str:
    """Return whether it was reached."""
    return ("yes" if mark["reached"] else "no") + ("" if mark["meant"] else ", meant for another size")
