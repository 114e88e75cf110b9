"""Options, presets, plan and declaration of the Gatys method."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar, Self

from styletransfer import precision
from styletransfer._checks import choice, flag, integer, known_options, number, style_shares
from styletransfer.config import Config, option
from styletransfer.errors import OptionError
from styletransfer.layers import check_taps
from styletransfer.method import Method, Plan, Stage, by_path
from styletransfer.methods.feedforward.config import ADAIN

INITS = ("content", "noise", "style", "adain")
LOSS_SCALES = ("relative", "mean", "gatys2016")
_STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
#: No side is made smaller than this by `scales`, pixels.
_SMALLEST = 32
#: One number of steps is divided among the sizes in this ratio: the default preset's 34 to 86.
_MORE_STEPS = 2.5
#: More steps than anybody has asked for; a bound for what is counted and drawn.
MOST_STEPS = 10_000_000

#: What the default preset adds to the published methods, switched off.
_PLAIN: dict[str, Any] = {"color_weight": 0.0, "center_grams": False, "pyramid": 0}

#: What `layer_weights` are, by preset, where none are given. At their full weight deep layers put whole objects of
#: the style into the picture, a face into a sky.
_LAYER_WEIGHTS: Mapping[str, Mapping[str, float]] = {"default": {"relu4_1": 0.5, "relu5_1": 0.25}}

#: What each preset changes. Departures from the sources are listed in docs/deviations.md.
PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    # The style at all costs, its objects included.
    "strong": {"content_weight": 1.0, "steps": (60, 150)},
    # The CVPR paper: sums of squares, average pooling, ratio content : style = 1e-3, L-BFGS from noise.
    "gatys2016": {
        "content_layers": ("conv4_2",),
        "style_layers": ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"),
        "content_weight": 1.0,
        "style_weight": 1e3,
        "tv_weight": 0.0,
        **_PLAIN,
        "loss_scale": "gatys2016",
        "pooling": "avg",
        "init": "noise",
        "clamp": False,
        "scales": (1.0,),
        "steps": 500,
    },
    # Dive into Deep Learning, chapter Neural Style Transfer.
    "d2l": {
        "content_layers": ("conv4_4",),
        "style_layers": ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"),
        "content_weight": 1.0,
        "style_weight": 1e3,
        "tv_weight": 10.0,
        **_PLAIN,
        "loss_scale": "mean",
        "optimizer": "adam",
        "learning_rate": 0.3,
        "decay": 0.8,
        "decay_every": 50,
        "variable": "imagenet",
        "clamp": False,
        "scales": (1.0,),
        "steps": 500,
    },
}
# The same in two stages, 150x225 then 300x450 for the chapter's pictures.
PRESETS["d2l-two-stage"] = PRESETS["d2l"] | {"scales": (0.5, 1.0), "steps": (500, 500)}


@dataclass(frozen=True, kw_only=True, init=False)
class GatysConfig(Config):
    """Options of image optimisation.

    The loss is the sum of content, style, palette and total variation, each times its weight. What content and
    style mean is set by `loss_scale`:

    - ``"relative"``: mean squared errors over the target's own mean square (style) or variance (content),
      averaged over layers. Independent of the network's scale: weights carry over between weight sets.
    - ``"mean"``: plain mean squared errors, summed over layers (Dive into Deep Learning).
    - ``"gatys2016"``: the paper's sums, equations 1 to 5.

    A preset fills in every option that is not given. ``scales`` without ``steps`` keeps the preset's number of
    steps in all.

    Raises:
        OptionError: A value outside its range or a name that does not exist.

    Example:
        >>> GatysConfig(preset="gatys2016").loss_scale
        'gatys2016'
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS
    owner: ClassVar[str] = "Method 'gatys'"

    preset: str = option("default", "named set of options; others given override it", choices=tuple(PRESETS))
    content_layers: tuple[str, ...] = option(("relu4_1",), "layers compared with the content, e.g. relu4_2")
    style_layers: tuple[str, ...] = option(_STYLE_LAYERS, "layers whose Gram matrices are compared with the style")
    layer_weights: Mapping[str, float] | None = option(
        None, "multiplier per layer, in content and style, e.g. relu1_1=2; 1 for others. Absent: the preset's"
    )
    content_weight: float = option(3.0, "multiplier of the content loss, >= 0", span=(0, 20))
    style_weight: float = option(8.0, "multiplier of the style loss, >= 0", span=(0, 50))
    color_weight: float = option(
        0.05, "multiplier of the palette loss, >= 0; 0 leaves colour to the Gram matrices", span=(0, 1)
    )
    tv_weight: float = option(0.5, "multiplier of the total variation, >= 0", span=(0, 10))
    temporal_weight: float = option(100.0, "multiplier of the temporal loss between frames of a video, >= 0")
    center_grams: bool = option(True, "subtract the style's channel means before Gram matrices are formed")
    loss_scale: str = option("relative", "how the terms are scaled", choices=LOSS_SCALES)
    pooling: str | None = option(None, "max or avg; the weight set's own if absent", choices=("max", "avg"))
    optimizer: str = option("lbfgs", "how to descend", choices=("lbfgs", "adam"))
    learning_rate: float = option(None, "step length, > 0; if absent 1 for lbfgs and 0.02 for adam")
    decay: float = option(1.0, "factor on the learning rate at each decay, in (0, 1]")
    decay_every: int = option(0, "steps between decays; 0 for none")
    variable: str = option("rgb", "space that is optimised and whose TV counts", choices=("rgb", "imagenet"))
    pyramid: int = option(
        5, "coarser levels that carry the picture beside its pixels, 0 to 8; 0: pixels only", span=(0, 8)
    )
    clamp: bool = option(True, "keep the picture within [0, 1] after each step")
    init: Any = option(  # noqa: RUF009 - a field like the others
        "content", "start: content, noise, style, adain, or a picture", choices=INITS, picture=True
    )
    scales: tuple[float, ...] = option((0.5, 1.0), "sizes worked through, as shares of the content's, ending in 1")
    steps: int | tuple[int, ...] = option(
        (34, 86), "at most so many steps: one number for all sizes together, or one per size", span=(1, 1000)
    )
    tolerance: float = option(0.0, "stop when the loss fell by less than this share over patience steps; 0: never")
    patience: int = option(20, "steps over which that fall is measured")
    retries: int = option(5, "how often to go back to the last good picture and halve the step length")
    style_mix: tuple[float, ...] | None = option(None, "share of each style, > 0, of their sum; equal if absent")
    seed: int = option(0, "seed of the noise start")
    precision: str = option("float32", precision.HELP, choices=precision.PRECISIONS)

    def __init__(self, **options: Any) -> None:
        named = options.get("preset", "default")
        if "scales" in options and "steps" not in options and isinstance(named, str) and named in PRESETS:
            inherited = PRESETS[named].get("steps", type(self).steps)
            options["steps"] = sum(inherited) if isinstance(inherited, tuple) else inherited
        super().__init__(**options)

    def __post_init__(self) -> None:
        """Validate every field."""
        object.__setattr__(self, "content_layers", check_taps(self.content_layers))
        object.__setattr__(self, "style_layers", check_taps(self.style_layers))
        self._check_layer_weights()
        for name in ("content_weight", "style_weight", "color_weight", "tv_weight", "temporal_weight"):
            object.__setattr__(self, name, number(getattr(self, name), name, low=0.0))
        if self.content_weight == self.style_weight == 0:
            raise OptionError("content_weight and style_weight are both 0; one of them must be above 0.")
        choice(self.loss_scale, LOSS_SCALES, "loss_scale")
        if self.pooling is not None:
            choice(self.pooling, ("max", "avg"), "pooling")
        choice(self.optimizer, ("lbfgs", "adam"), "optimizer")
        natural = 0.02 if self.optimizer == "adam" else 1.0
        rate = natural if self.learning_rate is None else self.learning_rate
        object.__setattr__(self, "learning_rate", number(rate, "learning_rate", above=0.0, high=1e30))
        object.__setattr__(self, "decay", number(self.decay, "decay", above=0.0, high=1.0))
        object.__setattr__(self, "tolerance", number(self.tolerance, "tolerance", low=0.0, high=1.0))
        choice(self.variable, ("rgb", "imagenet"), "variable")
        precision.check_precision(self.precision)
        flag(self.clamp, "clamp")
        flag(self.center_grams, "center_grams")
        object.__setattr__(self, "pyramid", integer(self.pyramid, "pyramid", low=0, high=8))
        named = isinstance(self.init, str) and not _looks_like_a_file(self.init)
        if named or self.init is None or isinstance(self.init, (bool, Real)):
            choice(self.init, INITS, "init (a name, a file or a picture)")
        object.__setattr__(self, "style_mix", style_shares(self.style_mix))
        self._check_schedule()
        for name, low in (("decay_every", 0), ("patience", 1), ("retries", 0), ("seed", 0)):
            object.__setattr__(self, name, integer(getattr(self, name), name, low=low, high=2**63 - 1))

    def layer_weight(self, layer: str) -> float:
        """Return the multiplier of a layer."""
        return (self.layer_weights or {}).get(layer, 1.0)

    def replaced(self, **changes: Any) -> Self:
        """Return a copy with other values of some options; the preset's layer weights follow the layers."""
        own = {} if self.layer_weights != self._preset_layer_weights() else {"layer_weights": None}
        return super().replaced(**{**own, **changes})

    def _preset_layer_weights(self) -> Mapping[str, float] | None:
        used = {*self.content_layers, *self.style_layers}
        weights = _LAYER_WEIGHTS.get(self.preset, {})
        return {layer: weight for layer, weight in weights.items() if layer in used} or None

    def _check_layer_weights(self) -> None:
        if self.layer_weights is None:  # filled in, so that a record has what was in force
            object.__setattr__(self, "layer_weights", self._preset_layer_weights())
            return
        if not isinstance(self.layer_weights, Mapping):
            raise OptionError(
                "layer_weights must be a dictionary of layers and numbers, "
                f'e.g. {{"relu1_1": 2}}, got {self.layer_weights!r}.'
            )
        known_options(self.layer_weights, (*self.content_layers, *self.style_layers), "layer_weights")
        checked = {k: number(v, f"layer_weights[{k!r}]", low=0.0) for k, v in self.layer_weights.items()}
        object.__setattr__(self, "layer_weights", checked)

    def _check_schedule(self) -> None:
        scales = tuple(number(s, "Each of scales", above=0.0, high=1.0) for s in _listed(self.scales))
        if not scales or scales[-1] != 1.0 or list(scales) != sorted(set(scales)):
            raise OptionError(f"scales must rise and end in 1, e.g. (0.5, 1), got {scales}.")
        object.__setattr__(self, "scales", scales)
        steps = tuple(integer(n, "steps", low=1, high=MOST_STEPS) for n in _listed(self.steps))
        per_size = isinstance(self.steps, (tuple, list))
        if per_size and len(steps) != len(scales):
            raise OptionError(f"steps names {len(steps)} number(s) for {len(scales)} size(s) in scales.")
        object.__setattr__(self, "steps", steps if per_size else steps[0])

    @property
    def schedule(self) -> tuple[tuple[float, int], ...]:
        """``(scale, steps)`` per size; one number of steps gives each size 2.5 times those of the one below."""
        if isinstance(self.steps, tuple):
            return tuple(zip(self.scales, self.steps, strict=True))
        weights = [_MORE_STEPS**n for n in range(len(self.scales))]
        parts = [self.steps * weight // sum(weights) for weight in weights]
        parts[-1] += self.steps - sum(parts)
        return tuple((scale, steps) for scale, steps in zip(self.scales, map(int, parts), strict=True) if steps)


def plan(config: GatysConfig, size: tuple[int, int]) -> Plan:
    """Return the sizes and steps of a run; sizes at which a side would fall below 32 pixels are left out."""
    stages = tuple(
        Stage(size=(max(16, round(size[0] * scale)), max(16, round(size[1] * scale))), steps=steps, scale=scale)
        for scale, steps in config.schedule
        if scale == 1 or min(size) * scale >= _SMALLEST
    )
    return Plan(stages=stages)


def _listed(values: Any) -> tuple[Any, ...]:
    return tuple(values) if isinstance(values, (tuple, list)) else (values,)


def _looks_like_a_file(name: str) -> bool:
    return bool(Path(name).suffix) or os.sep in name or Path(name).is_file()


def _weight_sets(extractor: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    return (ADAIN.extractor, *ADAIN.weight_sets(ADAIN.extractor, {})) if options.get("init") == "adain" else ()


GATYS = Method(
    name="gatys",
    title="Gatys",
    summary="image optimisation: content, Gram and total-variation losses (Gatys et al. 2016)",
    config=GatysConfig,
    stylizer=by_path("styletransfer.methods.gatys.stylizer:GatysStylizer"),
    iterative=True,
    weight_sets=_weight_sets,
    plan=plan,
    accepts=frozenset({"carry", "masks", "strength"}),
    brief={"steps": 2, "scales": (1.0,)},
)
