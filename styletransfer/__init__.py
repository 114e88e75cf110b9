"""Neural style transfer, both families side by side.

Image optimisation (Gatys) and feed-forward arbitrary style transfer (AdaIN) behind one interface, on one VGG-19
feature extractor, with weights that come with the package:

    import styletransfer as st

    result = st.stylize("photo.jpg", "painting.jpg", method="gatys")
    result.save("stylized.png")
"""

from styletransfer import functional
from styletransfer._version import __version__ as __version__
from styletransfer.comparing.run import Comparison, compare
from styletransfer.errors import (
    CompareInterrupted,
    DivergenceError,
    ImageError,
    OptionError,
    OutputError,
    StyleTransferError,
    StylizeInterrupted,
    TrainingError,
    WeightsError,
)
from styletransfer.features import create_extractor
from styletransfer.images import load_image, save_image
from styletransfer.judging.judge import Evaluation, evaluate
from styletransfer.methods import create_stylizer, list_stylizers, stylize
from styletransfer.stylizer import Step, Stylization, Stylizer

__all__ = [
    "CompareInterrupted",
    "Comparison",
    "DivergenceError",
    "Evaluation",
    "ImageError",
    "OptionError",
    "OutputError",
    "Step",
    "StyleTransferError",
    "Stylization",
    "StylizeInterrupted",
    "Stylizer",
    "TrainingError",
    "WeightsError",
    "compare",
    "create_extractor",
    "create_stylizer",
    "evaluate",
    "functional",
    "list_stylizers",
    "load_image",
    "save_image",
    "stylize",
]
