"""Two descents, and when the one has come as far as the other ends: seconds to equal loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.timing import processor_seconds


class Race:
    """A stylizer's run against a reference, under the stylizer's own objective.

    Args:
        stylizer: An iterative one; its objective judges both.
        content: (1, 3, H, W).
        style: (1, 3, h, w).
        descend: The reference: returns its picture.
    """

    def __init__(self, stylizer: Any, content: Tensor, style: Tensor, descend: Callable[[], Tensor]) -> None:
        self.stylizer, self.content, self.style, self.descend = stylizer, content, style, descend
        self._reached: list[tuple[float, Tensor]] = []
        self._end: tuple[float, Tensor] | None = None

    def run(self) -> Tensor:
        """Run the stylizer, keeping its pictures of full size and when they were there."""
        self._reached, began = [], processor_seconds()

        def keep(step: Any) -> None:
            if step.image is not None and step.image.shape == self.content.shape:
                self._reached.append((processor_seconds() - began, step.image))

        image: Tensor = self.stylizer.stylize(self.content, self.style, on_step=keep).image
        self._reached.append((processor_seconds() - began, image))
        return image

    def reference(self) -> Tensor:
        """Run the reference."""
        began = processor_seconds()
        image = self.descend()
        self._end = (processor_seconds() - began, image)
        return image

    def result(self) -> tuple[float, dict[str, Any]]:
        """Return how many times faster the reference's last loss was reached, 0 if never, and the figures."""
        loss = self.stylizer.objective(self.content, self.style)
        assert self._end is not None
        assert loss is not None
        seconds, picture = self._end
        wanted = float(loss(picture))
        curve = [(at, float(loss(image))) for at, image in self._reached]
        first = next((at for at, value in curve if value <= wanted), None)
        record = {"loss": wanted, "seconds": seconds, "reached_after": first, "curve": [list(x) for x in curve]}
        return (0.0 if first is None else seconds / first), record


def textbook_descent(
    book: Any, stylizer: Any, content: Tensor, style: Tensor, optimizer: str, steps: int
) -> Tensor:
    """Return the textbook's picture after so many steps of Adam, or evaluations of L-BFGS as its users set it."""
    descent = book.Textbook(stylizer, content, style)
    if optimizer == "lbfgs":
        descent.optimizer = torch.optim.LBFGS([descent.image], max_iter=steps, max_eval=steps)
        descent.optimizer.step(descent.evaluate)
    else:
        for _ in range(steps):
            descent()
    picture: Tensor = descent.image.detach().clamp(0, 1)
    return picture
