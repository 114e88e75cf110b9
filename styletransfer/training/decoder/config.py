"""What a decoder is trained for, and presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from styletransfer._checks import choice, integer, number
from styletransfer.config import option
from styletransfer.errors import OptionError
from styletransfer.layers import check_taps
from styletransfer.methods.feedforward.config import ALIGNMENTS, MOST_PASSES
from styletransfer.training.engine.config import MOST_STEPS, RecipeConfig, RunConfig

_UPSAMPLING = ("nearest", "bilinear")
_NETWORKS = ("mirrored", "subpixel")


@dataclass(frozen=True, kw_only=True)
class DecoderConfig(RecipeConfig):
    """What a decoder of AdaIN is trained for.

    Raises:
        OptionError: A value outside its range.
    """

    layers: tuple[str, ...] = option(
        ("relu1_1", "relu2_1", "relu3_1", "relu4_1"), "aligned layers that it reads; the paper's is relu4_1 alone"
    )
    network: str = option(
        "mirrored", "mirrored: the extractor turned round, as the paper's; subpixel: a fast one", choices=_NETWORKS
    )
    alignment: str = option(
        "auto",
        "channels: the paper's; covariance: how channels go together, too; auto: that of the decoder it starts "
        "from, covariance for a new one",
        choices=("auto", *ALIGNMENTS),
    )
    passes: int | None = option(
        None,
        "passes through encoding, alignment and decoding, 1 to 8; if absent those of a decoder of the "
        "same network that it starts from, else two for mirrored, the paper's one for subpixel",
    )
    upsampling: str = option(
        "bilinear", "between resolutions; nearest is the paper's and leaves a grid", choices=_UPSAMPLING
    )
    autoencoder_steps: int = option(
        400, "steps of the first phase, which learns to reconstruct pictures or to imitate, >= 0"
    )
    gate: float = option(0.35, "feature error of the first phase above which it counts as not learnt, > 0")
    content_weight: float = option(2.0, "of the content loss, >= 0")
    moment_weight: float = option(40.0, "of the moment style loss (means and deviations, equation 13), >= 0")
    gram_weight: float = option(24.0, "of the Gram style loss, >= 0")
    deep_weight: float = option(0.0, "of the Gram style loss of the deepest layer, once more, >= 0")
    color_weight: float = option(3.0, "of the distance between the distributions of colours, >= 0")
    range_weight: float = option(10.0, "of the penalty on values outside [0, 1], >= 0")
    pixel_weight: float = option(10.0, "of the pixels where a picture is reconstructed, >= 0")
    ramp: int = option(200, "steps of the second phase over which the style weights rise to their value, >= 0")
    identity_every: int = option(16, "every so many steps a content is its own style; 0 for never")
    widest: float = option(
        0.0, "a content crop covers at most this many times `size` in a picture's own pixels; 0: the whole of it"
    )
    nearest_of: int = option(
        2, "styles drawn for each content, of which the nearest to it is learnt from, 1 to 64: near pairs are hard"
    )
    views: int = option(
        4, "random crops of each style picture that are learnt from, 1 to 1000; the first is the whole"
    )

    #: `default` is for a GPU; `laptop` for two cores and an hour; `lab` shows every part of a training within a
    #: lesson, for no useful result; `few-shot` continues from a finished decoder with one or two style pictures;
    #: `fast` trains the network that works at half resolution, on two cores.
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {"steps": 160_000, "batch_size": 8, "size": 256, "short_edge": 512, "autoencoder_steps": 4_000},
        "laptop": {},
        "lab": {"steps": 400, "autoencoder_steps": 100, "size": 128, "sample_steps": 100, "save_steps": 100},
        "few-shot": {
            "steps": 400, "autoencoder_steps": 0, "ramp": 0, "learning_rate": 3e-4, "views": 24,
            "sample_steps": 100, "save_steps": 100,
        },
        "fast": {
            "network": "subpixel", "steps": 20_000, "autoencoder_steps": 300, "size": 128,
            "smallest": 0.55, "widest": 1.15, "content_weight": 3.0, "moment_weight": 20.0, "gram_weight": 18.0,
            "deep_weight": 7.0, "color_weight": 7.0, "nearest_of": 1, "max_grad_norm": 2.0,
        },
    }  # fmt: skip

    def __post_init__(self) -> None:
        """Validate every field."""
        object.__setattr__(self, "layers", check_taps(self.layers))
        choice(self.network, _NETWORKS, "network")
        choice(self.alignment, ("auto", *ALIGNMENTS), "alignment")
        choice(self.upsampling, _UPSAMPLING, "upsampling")
        for name in ("autoencoder_steps", "ramp", "identity_every"):
            integer(getattr(self, name), name, low=0, high=MOST_STEPS)
        if self.passes is not None:
            integer(self.passes, "passes", low=1, high=MOST_PASSES)
        for name, high in (("nearest_of", 64), ("views", 1000)):
            integer(getattr(self, name), name, low=1, high=high)
        number(self.gate, "gate", above=0.0)
        for name in ("content", "moment", "gram", "deep", "color", "range", "pixel"):
            number(getattr(self, f"{name}_weight"), f"{name}_weight", low=0.0, high=1e9)
        number(self.widest, "widest", low=0.0, high=1e3)

    def check(self, run: RunConfig) -> None:
        """Refuse a first phase that leaves no step for the second, and crops that cannot be."""
        if self.widest and self.widest < run.smallest:
            raise OptionError(f"widest must be 0 or at least smallest={run.smallest:g}, got {self.widest:g}.")
        if self.autoencoder_steps >= run.steps:
            raise OptionError(
                f"With steps={run.steps} and autoencoder_steps={self.autoencoder_steps} no step trains the style; "
                "raise steps or lower autoencoder_steps."
            )
