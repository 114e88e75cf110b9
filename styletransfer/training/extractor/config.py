"""What an extractor is distilled into, and presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from styletransfer._checks import integer, number
from styletransfer.config import option
from styletransfer.errors import OptionError
from styletransfer.layers import check_taps
from styletransfer.training.engine.config import RecipeConfig

_COMMON = {"learning_rate": 2e-3, "max_grad_norm": 5.0}


@dataclass(frozen=True, kw_only=True)
class ExtractorConfig(RecipeConfig):
    """What an extractor is distilled into.

    Raises:
        OptionError: A value outside its range.
    """

    width: float = option(0.25, "share of VGG-19's channels in every block, in (0, 1]")
    operations: float | None = option(
        None,
        "thousand multiply-adds a pixel of a full VGG-19 in low rank, fitted in closed form; absent: gradient "
        "steps to a narrow one",
    )
    crops: int = option(192, "crops that a fit by operations sees, 16 to 65536")
    last: str = option("conv5_1", "deepest convolution, conv1_1 to conv5_4")
    gram_weight: float = option(0.1, "of the Gram matrices beside the features, >= 0")

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {"steps": 100_000, "batch_size": 16, "size": 192, **_COMMON},
        "laptop": {"steps": 4_000, "batch_size": 8, "size": 128, **_COMMON},
        "lab": {"steps": 200, "batch_size": 8, "size": 96, "sample_steps": 100, **_COMMON},
    }

    def __post_init__(self) -> None:
        """Validate every field."""
        number(self.width, "width", above=0.0, high=1.0)
        if self.operations is not None:
            number(self.operations, "operations", low=10.0, high=1e6)
        integer(self.crops, "crops", low=16, high=65_536)
        number(self.gram_weight, "gram_weight", low=0.0, high=1e9)
        if not isinstance(self.last, str) or not self.last.startswith("conv"):
            raise OptionError(f"last must be a convolution, conv1_1 to conv5_4, got {self.last!r}.")
        check_taps([self.last])
