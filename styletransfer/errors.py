"""What can go wrong, as types.

Every error that a user's input can cause is a `StyleTransferError` whose message says what was wrong, what
was got, what is wanted, and the way out. The command line turns each into one line and exit code 2.
"""

from __future__ import annotations

from functools import partial
from typing import Any


class StyleTransferError(Exception):
    """Base of all errors that this package raises for a user's input."""


class ImageError(StyleTransferError, ValueError):
    """A picture that cannot be read or used: missing, truncated, too small, out of range."""


class OptionError(StyleTransferError, ValueError):
    """An option, method, layer or weight set that does not exist or has a value outside its range."""


class JudgeError(StyleTransferError, ValueError):
    """Figures of different judges, which nobody may compare, or figures that name no judge."""


class WeightsError(StyleTransferError, RuntimeError):
    """A weight file that is missing, corrupt, of another network, or cannot be fetched."""


class OutputError(StyleTransferError, OSError):
    """A result that cannot be written; nothing is left behind at the target."""


class TrainingError(StyleTransferError, RuntimeError):
    """A training that cannot start or continue; its last checkpoint is intact."""


class PeerError(StyleTransferError, RuntimeError):
    """Another program that is absent, fails, does not end, or makes no picture."""


class VideoError(StyleTransferError, ValueError):
    """A clip that cannot be read: missing, without frames, of an unknown kind, or a library that it needs."""


class DivergenceError(StyleTransferError, ArithmeticError):
    """The loss stayed infinite or NaN after all retries.

    Attributes:
        term: Name of the loss term that was not finite, e.g. ``"style relu3_1"``.
        image: The last good image, (B, 3, H, W) RGB in [0, 1], or None if there was none.
    """

    def __init__(self, message: str, *, term: str, image: Any = None) -> None:
        super().__init__(message)
        self.term = term
        self.image = image

    def __reduce__(self) -> tuple[Any, ...]:
        """Let the error come back from another process."""
        return partial(type(self), term=self.term, image=self.image), self.args


class StylizeInterrupted(KeyboardInterrupt):
    """Ctrl-C during a run; the picture reached so far is kept.

    It is a `KeyboardInterrupt`, so loops over many pictures stop as expected.

    Attributes:
        stylization: The `Stylization` so far, complete with losses and history.
    """

    def __init__(self, message: str, *, stylization: Any) -> None:
        super().__init__(message)
        self.stylization = stylization

    def __reduce__(self) -> tuple[Any, ...]:
        """Let the exception come back from another process."""
        return partial(type(self), stylization=self.stylization), self.args


class CompareInterrupted(KeyboardInterrupt):
    """Ctrl-C during `compare`; the methods that are done and the picture reached so far are kept.

    Attributes:
        comparison: The `Comparison` of what there is, judged like a whole one; an unfinished run has
            ``stopped="interrupted"``.
    """

    def __init__(self, message: str, *, comparison: Any) -> None:
        super().__init__(message)
        self.comparison = comparison

    def __reduce__(self) -> tuple[Any, ...]:
        """Let the exception come back from another process."""
        return partial(type(self), comparison=self.comparison), self.args


class EvaluateInterrupted(KeyboardInterrupt):
    """Ctrl-C during `evaluate_set`; what is judged is kept.

    Attributes:
        evaluation: The `SetEvaluation` of the pictures that are judged.
    """

    def __init__(self, message: str, *, evaluation: Any) -> None:
        super().__init__(message)
        self.evaluation = evaluation

    def __reduce__(self) -> tuple[Any, ...]:
        """Let the exception come back from another process."""
        return partial(type(self), evaluation=self.evaluation), self.args


class BatchInterrupted(KeyboardInterrupt):
    """Ctrl-C during `stylize_folder`; the pictures that are done are on the disk.

    Attributes:
        result: The `BatchResult` so far.
    """

    def __init__(self, message: str, *, result: Any) -> None:
        super().__init__(message)
        self.result = result

    def __reduce__(self) -> tuple[Any, ...]:
        """Let the exception come back from another process."""
        return partial(type(self), result=self.result), self.args


class SheetInterrupted(KeyboardInterrupt):
    """Ctrl-C during `contact_sheet` or `interpolate`; the pictures that are done are kept.

    Attributes:
        sheet: The `Sheet` of the pictures that are done.
    """

    def __init__(self, message: str, *, sheet: Any) -> None:
        super().__init__(message)
        self.sheet = sheet

    def __reduce__(self) -> tuple[Any, ...]:
        """Let the exception come back from another process."""
        return partial(type(self), sheet=self.sheet), self.args


class VideoInterrupted(KeyboardInterrupt):
    """Ctrl-C during `stylize_video`; what is done is kept, and the same call goes on from there.

    Attributes:
        frames: How many frames are kept.
        parts: The folder in which they are.
    """

    def __init__(self, message: str, *, frames: int, parts: Any) -> None:
        super().__init__(message)
        self.frames = frames
        self.parts = parts

    def __reduce__(self) -> tuple[Any, ...]:
        """Let the exception come back from another process."""
        return partial(type(self), frames=self.frames, parts=self.parts), self.args
