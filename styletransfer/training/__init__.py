"""Training: decoders for AdaIN, and narrow extractors distilled from wide ones.

Both behind the command line (``styletransfer train``) and as functions. Nothing else in the package imports this
but the command line, and only when a command needs it.
"""

from __future__ import annotations

from styletransfer.training.config import (
    DECODER_PRESETS,
    EXTRACTOR_PRESETS,
    DecoderConfig,
    ExtractorConfig,
    RunConfig,
)
from styletransfer.training.loop import Progress
from styletransfer.training.run import Hooks, Outcome, train_decoder, train_extractor

__all__ = [
    "DECODER_PRESETS",
    "EXTRACTOR_PRESETS",
    "DecoderConfig",
    "ExtractorConfig",
    "Hooks",
    "Outcome",
    "Progress",
    "RunConfig",
    "train_decoder",
    "train_extractor",
]
