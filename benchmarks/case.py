"""A row of the matrix."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from benchmarks.pictures import PAIR
from benchmarks.plan import LITE, QUALITY


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row.

    Attributes:
        what: What is timed, e.g. ``"one step"``.
        subject: The method, or the stage.
        variant: What sets it apart from other rows of the same subject, e.g. ``"style cached"``.
        extractor: a weight set, `networks.full_width` or `plan.OWN_NETWORK`.
        size: Long edge, or ``"4096x2160"``.
        device: ``"cpu"``, ``"cuda"`` or ``"mps"``.
        precision: ``"fp32"`` or ``"bf16"``.
        pair: Whose pictures it works on: a key of `pictures.PAIRS`.
        skip: Why it cannot be run here, or empty.
    """

    what: str
    subject: str
    variant: str = ""
    extractor: str = LITE
    size: str = "32"
    device: str = "cpu"
    precision: str = "fp32"
    pair: str = PAIR
    skip: str = ""

    @property
    def id(self) -> str:
        """Return the name within brackets in pytest's lists."""
        pair = self.pair if self.what == QUALITY or self.pair != PAIR else ""
        parts = (self.subject, self.variant, pair, self.extractor, self.size, self.device, self.precision)
        return "-".join(part.replace(" ", "_") for part in parts if part)

    @property
    def group(self) -> str:
        """Return what it is compared with: rows of one group do the same for the same picture."""
        subject = self.pair if self.what == QUALITY else self.extractor
        return f"{self.what}, {self.size} px, {subject}, {self.device}"

    def to_dict(self) -> dict[str, Any]:
        """Return all fields but the reason for skipping, ready for JSON."""
        return {k: v for k, v in dataclasses.asdict(self).items() if k != "skip"}
