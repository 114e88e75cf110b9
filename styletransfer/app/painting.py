"""One comparison in a thread of its own, which can be watched and cancelled."""

from __future__ import annotations

import io
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from styletransfer import images
from styletransfer.app.limits import Limits
from styletransfer.app.settings import Settings
from styletransfer.comparing.result import Comparison
from styletransfer.comparing.run import compare
from styletransfer.errors import CompareInterrupted, ImageError, StyleTransferError
from styletransfer.images import Picture, read_picture
from styletransfer.images.opening import opened
from styletransfer.stylizer import Step

#: Seconds between two looks at a picture while it is painted: each is copied, and sent to the browser.
_EVERY = 0.4
#: Steps over which the speed is taken for the time left.
_RECENT = 10


@dataclass(kw_only=True)
class Run:
    """How far one method is.

    Attributes:
        method: Its name.
        history: Its steps.
        picture: The picture so far, as a JPEG file's bytes, or None before the first step.
        seconds: Of the run; of its work alone once it is `done`.
        done: Whether it has ended.
    """

    method: str
    history: list[Step] = field(default_factory=list)
    picture: bytes | None = None
    seconds: float = 0.0
    done: bool = False

    @property
    def seconds_left(self) -> float | None:
        """Estimate from the last steps, if they were of the size of those to come; else None."""
        recent = [step for step in self.history[-_RECENT:] if step.size == self.history[-1].size]
        if len(recent) < 3:
            return None
        each = (recent[-1].seconds - recent[0].seconds) / (len(recent) - 1)
        return each * (recent[-1].steps - recent[-1].step)


class Painting:
    """A comparison that is computed while others look.

    Args:
        content: The bytes of a picture file.
        style: The same.
        preserve: The same, white where the content is kept; or None.
        settings: What is asked.
        limits: Of time and pixels.

    Attributes:
        runs: By method, in the order of their start.
        comparison: What came of it, or None.
        problem: What went wrong, in a sentence, or None.
        stopped: Why it ended early, in a sentence, or None.
        notes: What should be known of how the pictures were read.
    """

    def __init__(
        self,
        content: bytes,
        style: bytes,
        settings: Settings,
        limits: Limits,
        *,
        preserve: bytes | None = None,
    ) -> None:
        self.settings = settings
        self.limits = limits
        self.runs = {method: Run(method=method) for method in settings.methods}
        self.comparison: Comparison | None = None
        self.problem: str | None = None
        self.stopped: str | None = None
        self.notes: tuple[str, ...] = ()
        self._files = (content, style, preserve)
        self._cancelled = threading.Event()
        self._ended = threading.Event()
        self._shown = 0.0

    def start(self, at_end: Callable[[], object] = lambda: None) -> None:
        """Begin; `at_end` is called by the thread when it has ended, however that was."""
        self._began = time.monotonic()
        threading.Thread(target=self._work, args=(at_end,), daemon=True).start()

    def cancel(self) -> None:
        """Ask it to stop at its next step; what it has reached is kept."""
        self._cancelled.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end, at most so long, and return whether it has come."""
        return self._ended.wait(seconds)

    def _work(self, at_end: Callable[[], object]) -> None:
        try:
            self.comparison = self._compare()
        except CompareInterrupted as interrupt:
            self.comparison = interrupt.comparison
        except KeyboardInterrupt:
            pass  # nothing was reached
        except StyleTransferError as error:
            self.problem = str(error)
        except Exception as error:
            traceback.print_exc()  # ours to mend, not the visitor's
            self.problem = f"The app failed ({type(error).__name__}); its terminal tells more."
        finally:
            self._finish()
            at_end()
            self._ended.set()

    def _compare(self) -> Comparison:
        content, style, preserve = self._files
        return compare(
            self._read(content, "content"),
            self._read(style, "style"),
            list(self.settings.methods),
            options=self.settings.options,
            strength=self.settings.strength,
            preserve=None if preserve is None else self._read(preserve, "picture of what is kept"),
            on_step=self._watch,
        )

    def _read(self, data: bytes, what: str) -> Picture:
        most = self.limits.upload_megapixels
        with opened(io.BytesIO(data), what) as (image, _, _):
            width, height = image.size
        if width * height > most * 1_000_000:
            raise ImageError(
                f"The {what} has {width}x{height} pixels, and this app takes at most {most} million. "
                "Reduce it with another program first."
            )
        picture = read_picture(io.BytesIO(data), what=what, long_edge=self.settings.long_edge, quiet=True)
        self.notes += picture.notes
        return picture

    def _watch(self, method: str, step: Step) -> None:
        run = self.runs[method]
        now = time.monotonic()
        last = step.step == step.steps
        if step.image is not None and (last or run.picture is None or now - self._shown > _EVERY):
            run.picture = images.encode_image(step.image[:1].clamp(0, 1), "shown.jpg", quality=85)
            self._shown = now
        run.history.append(
            Step(step=step.step, steps=step.steps, seconds=step.seconds, losses=step.losses, size=step.size)
        )
        run.seconds = step.seconds
        run.done = last
        if now - self._began > self.limits.seconds:
            self.stopped = (
                f"Stopped after {self.limits.seconds} seconds, the limit of this app; the picture so far is kept."
            )
            raise KeyboardInterrupt
        if self._cancelled.is_set():
            self.stopped = "Cancelled; what was reached is kept."
            raise KeyboardInterrupt

    def _finish(self) -> None:
        """Show the results themselves, which controls may have changed after the last step."""
        results = {} if self.comparison is None else self.comparison.results
        for method, result in results.items():
            run = self.runs[method]
            run.picture = images.encode_image(result.image[:1], "shown.jpg", quality=90)
            run.seconds, run.done = result.seconds, True
        if self.stopped and not results:
            self.stopped = "Cancelled before there was a picture."
