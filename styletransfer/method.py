"""What a method declares about itself: name, options, presets, parts, plan. Free of torch, so that it loads fast.

Everything outside `styletransfer.methods` learns about methods from these declarations and from nothing else.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from styletransfer._checks import known_options
from styletransfer.config import Config
from styletransfer.controls import CONTROLS, Controls
from styletransfer.errors import OptionError
from styletransfer.weights.catalogue import DEFAULT_EXTRACTOR


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of a run at one size.

    Attributes:
        size: (H, W) worked on, pixels.
        steps: How many steps at most.
        scale: Share of the content's size.
    """

    size: tuple[int, int]
    steps: int
    scale: float = 1.0

    @property
    def work(self) -> int:
        """Steps times pixels: a measure of the time it takes."""
        return self.steps * self.size[0] * self.size[1]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run will do for a picture of some size, known before it starts.

    Attributes:
        stages: In their order; the last one has the content's size.
    """

    stages: tuple[Stage, ...]

    @property
    def steps(self) -> int:
        """Steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    @property
    def work(self) -> int:
        """Steps times pixels over all stages."""
        return sum(stage.work for stage in self.stages)

    def work_after(self, step: int) -> int:
        """Return the work done once `step` steps (from the start) have been taken."""
        done = 0
        for stage in self.stages:
            taken = min(step, stage.steps)
            done += taken * stage.size[0] * stage.size[1]
            step -= taken
        return done


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a run will need, told before it starts.

    Attributes:
        memory: Bytes at the peak, beyond what the process holds before it, the result included.
        least: The same if the memory that is there allowed no more: work in the thinnest strips.
        strips: Into how many strips of rows the picture is cut for its largest part; 1 for none.
    """

    memory: int
    least: int
    strips: int = 1


@dataclass(frozen=True, kw_only=True)
class Part:
    """Something that a method is made of besides the extractor, such as a decoder; an option chooses it.

    Attributes:
        name: Name of the option and of the stylizer's argument.
        help: One line.
        kind: Kind of weight set in the catalogue.
        default: From the extractor's name to the name of the weight set that is used if none is chosen.
    """

    name: str
    help: str
    kind: str
    default: Callable[[str], str]


#: What is asked of a run, and is no option of a method.
_ASKED = ("strength", "masks", "style_masks", "preserve")


def by_path(path: str) -> Callable[[], Any]:
    """Return a function that imports ``"package.module:name"`` when it is called."""
    module, _, name = path.partition(":")
    return lambda: getattr(importlib.import_module(module), name)


def _no_weight_sets(extractor: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    return ()


def _one_step(config: Any, size: tuple[int, int]) -> Plan:
    return Plan(stages=(Stage(size=size, steps=1),))


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method's declaration; `styletransfer.methods.METHODS` holds one of each.

    Attributes:
        name: Name in the registry.
        title: Name in figures and tables.
        summary: One line for lists.
        config: Type of its options, a `Config`.
        stylizer: Returns the class; `by_path` imports it only then. Called as ``cls(extractor, config, **parts)``.
        extractor: Name of the weight set that it works with if none is chosen.
        iterative: Whether a run has many steps.
        parts: What it is made of besides the extractor.
        weight_sets: From the extractor's name and the options to the weight sets it will want besides it.
        plan: From a config and (H, W) to the `Plan` of a run.
        accepts: What of a request it can honour besides content and styles: ``"strength"``, ``"masks"``,
            ``"carry"`` (what a frame of a video hands to the next).
        encoded: Returns the class of its encoded styles, if it encodes any.
        encoding: Options that matter for an encoded style.
        brief: Options that make a run as short as it can be, for self-tests and warm-ups.
        bare: Options that leave out what only a run's record shows.
    """

    name: str
    title: str
    summary: str
    config: type[Config]
    stylizer: Callable[[], type[Any]]
    extractor: str = DEFAULT_EXTRACTOR
    iterative: bool = False
    parts: tuple[Part, ...] = ()
    weight_sets: Callable[[str, Mapping[str, Any]], tuple[str, ...]] = _no_weight_sets
    plan: Callable[[Any, tuple[int, int]], Plan] = _one_step
    accepts: frozenset[str] = frozenset()
    encoded: Callable[[], type[Any]] | None = None
    encoding: frozenset[str] = frozenset()
    brief: Mapping[str, Any] = field(default_factory=dict)
    bare: Mapping[str, Any] = field(default_factory=dict)

    @property
    def presets(self) -> Mapping[str, Mapping[str, Any]]:
        """Named sets of options and what each changes; empty if there are none."""
        return self.config.presets

    @property
    def option_names(self) -> list[str]:
        """Names of all options: the config's fields, the parts, then the controls, which all methods have."""
        names = [f.name for f in dataclasses.fields(self.config)]
        return [*names, *(part.name for part in self.parts), *CONTROLS]

    def configure(self, options: Mapping[str, Any]) -> tuple[Config, dict[str, Any], Controls]:
        """Return the config, the parts that were chosen, and the controls.

        Raises:
            OptionError: Unknown option, or a value outside its range.
        """
        asked = next((name for name in options if name in _ASKED and name not in self.option_names), None)
        if asked is not None:
            raise OptionError(f"{asked} is asked of each run: give it to stylize(content, style, {asked}=...).")
        known_options(options, self.option_names, f"Method {self.name!r}")
        parts = {part.name: options[part.name] for part in self.parts if options.get(part.name) is not None}
        controls = {name: value for name, value in options.items() if name in CONTROLS}
        others = {part.name for part in self.parts} | set(CONTROLS)
        own = {name: value for name, value in options.items() if name not in others}
        return self.config(**own), parts, Controls(**controls)
