"""Neural style transfer, both families side by side.

Image optimisation (Gatys) and feed-forward arbitrary style transfer (AdaIN) behind one interface, on one VGG-19
feature extractor, with weights that come with the package:

    import styletransfer as st

    result = st.stylize("photo.jpg", "painting.jpg", method="gatys")
    result.save("stylized.png")

Importing this package loads nothing else; each name below is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from styletransfer._version import __version__ as __version__

if TYPE_CHECKING:
    from styletransfer import functional as functional
    from styletransfer.batching.dataset import RandomStyle as RandomStyle
    from styletransfer.batching.dataset import StylizedDataset as StylizedDataset
    from styletransfer.batching.folder import stylize_folder as stylize_folder
    from styletransfer.batching.many import stylize_many as stylize_many
    from styletransfer.batching.result import BatchResult as BatchResult
    from styletransfer.comparing.result import Comparison as Comparison
    from styletransfer.comparing.run import compare as compare
    from styletransfer.errors import BatchInterrupted as BatchInterrupted
    from styletransfer.errors import CompareInterrupted as CompareInterrupted
    from styletransfer.errors import DivergenceError as DivergenceError
    from styletransfer.errors import EvaluateInterrupted as EvaluateInterrupted
    from styletransfer.errors import ImageError as ImageError
    from styletransfer.errors import JudgeError as JudgeError
    from styletransfer.errors import OptionError as OptionError
    from styletransfer.errors import OutputError as OutputError
    from styletransfer.errors import PeerError as PeerError
    from styletransfer.errors import SheetInterrupted as SheetInterrupted
    from styletransfer.errors import StyleTransferError as StyleTransferError
    from styletransfer.errors import StylizeInterrupted as StylizeInterrupted
    from styletransfer.errors import TrainingError as TrainingError
    from styletransfer.errors import VideoError as VideoError
    from styletransfer.errors import VideoInterrupted as VideoInterrupted
    from styletransfer.errors import WeightsError as WeightsError
    from styletransfer.evaluating.result import SetEvaluation as SetEvaluation
    from styletransfer.evaluating.run import evaluate_set as evaluate_set
    from styletransfer.explaining.explanation import explain as explain
    from styletransfer.features import create_extractor as create_extractor
    from styletransfer.images import load_image as load_image
    from styletransfer.images import save_image as save_image
    from styletransfer.job import stylize as stylize
    from styletransfer.judging.evaluation import Evaluation as Evaluation
    from styletransfer.judging.judge import create_judge as create_judge
    from styletransfer.judging.judge import evaluate as evaluate
    from styletransfer.judging.judges import list_judges as list_judges
    from styletransfer.masking import split_labels as split_labels
    from styletransfer.methods import create_stylizer as create_stylizer
    from styletransfer.methods import list_stylizers as list_stylizers
    from styletransfer.sheets import contact_sheet as contact_sheet
    from styletransfer.sheets import interpolate as interpolate
    from styletransfer.stylizer import Step as Step
    from styletransfer.stylizer import Stylization as Stylization
    from styletransfer.stylizer import Stylizer as Stylizer
    from styletransfer.video.result import VideoResult as VideoResult
    from styletransfer.video.run import stylize_video as stylize_video

#: Where each public name is defined.
_HOMES = {
    "BatchInterrupted": "errors",
    "BatchResult": "batching.result",
    "CompareInterrupted": "errors",
    "Comparison": "comparing.result",
    "DivergenceError": "errors",
    "EvaluateInterrupted": "errors",
    "Evaluation": "judging.evaluation",
    "ImageError": "errors",
    "JudgeError": "errors",
    "OptionError": "errors",
    "OutputError": "errors",
    "PeerError": "errors",
    "RandomStyle": "batching.dataset",
    "SetEvaluation": "evaluating.result",
    "SheetInterrupted": "errors",
    "Step": "stylizer",
    "StyleTransferError": "errors",
    "Stylization": "stylizer",
    "StylizeInterrupted": "errors",
    "StylizedDataset": "batching.dataset",
    "Stylizer": "stylizer",
    "TrainingError": "errors",
    "VideoError": "errors",
    "VideoInterrupted": "errors",
    "VideoResult": "video.result",
    "WeightsError": "errors",
    "compare": "comparing.run",
    "contact_sheet": "sheets",
    "create_extractor": "features",
    "create_judge": "judging.judge",
    "create_stylizer": "methods",
    "evaluate": "judging.judge",
    "evaluate_set": "evaluating.run",
    "explain": "explaining.explanation",
    "functional": "",
    "interpolate": "sheets",
    "list_judges": "judging.judges",
    "list_stylizers": "methods",
    "load_image": "images",
    "save_image": "images",
    "split_labels": "masking",
    "stylize": "job",
    "stylize_folder": "batching.folder",
    "stylize_many": "batching.many",
    "stylize_video": "video.run",
}

#: Modules that are reached as attributes, e.g. ``styletransfer.images.resize``.
_MODULES = ("codes", "features", "functional", "images", "labs", "losses", "plotting", "samples")

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Load a public name on its first use (PEP 562)."""
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
