"""A guarded descent: step, watch, go back to the last good point when the loss is not finite or explodes."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from styletransfer.errors import DivergenceError

Terms = Mapping[str, Tensor]

#: A step that multiplies the best loss by more than this counts as an explosion.
EXPLOSION = 10.0


@dataclass(frozen=True, kw_only=True)
class Descent:
    """How to descend.

    Attributes:
        optimizer: ``"lbfgs"`` or ``"adam"``.
        learning_rate: Step length; 1 is the natural one for L-BFGS.
        decay: Factor on the step length every `decay_every` steps.
        decay_every: Steps; 0 for a constant step length.
        steps: At most so many.
        tolerance: Stop when the loss fell by less than this share over `patience` steps; 0 never stops early.
        patience: Steps over which levelling off is judged.
        retries: How often to go back and halve the step length before giving up.
        floor: A loss up to this is no explosion, however much smaller the best one is: otherwise every step away
            from a nearly perfect point would be one.
        project: Brings the variable back to where it may be, after each step.
    """

    optimizer: str
    learning_rate: float
    steps: int
    decay: float = 1.0
    decay_every: int = 0
    tolerance: float = 0.0
    patience: int = 20
    retries: int = 5
    floor: float = 0.0
    project: Callable[[Tensor], Tensor] | None = None


@dataclass(frozen=True, kw_only=True)
class Minimum:
    """Where a descent ended.

    Attributes:
        point: The point of the lowest loss seen.
        terms: The terms there.
        stopped: Why the descent ended: ``"steps"`` or ``"levelled off"``.
    """

    point: Tensor
    terms: dict[str, float]
    stopped: str


class _NotFiniteError(Exception):
    """The objective at the current point is useless; names the term."""

    def __init__(self, term: str) -> None:
        super().__init__(term)
        self.term = term


def minimize(
    variable: Tensor,
    objective: Callable[[Tensor], Terms],
    descent: Descent,
    on_step: Callable[[int, Mapping[str, float], Tensor], None],
) -> Minimum:
    """Minimise the sum of the objective's terms.

    Args:
        variable: Start, left as it is.
        objective: Maps the variable to named scalar terms.
        descent: See `Descent`.
        on_step: Called with the step (from 1), the terms at the point where the step began, and that point.

    Returns:
        The best point, its terms, and why the descent ended.

    Raises:
        DivergenceError: Not finite after all retries; ``image`` holds the last good point.
    """
    x = variable.detach().clone().requires_grad_()
    best, best_terms, best_loss = x.detach().clone(), {}, math.inf
    rate, failures = descent.learning_rate, 0
    optimizer = _optimizer(x, descent.optimizer, rate)
    recent: deque[float] = deque(maxlen=descent.patience + 1)
    terms: dict[str, float] = {}

    def closure() -> Tensor:
        optimizer.zero_grad(set_to_none=True)
        values = objective(x)
        total = torch.stack(list(values.values())).sum()
        numbers = torch.stack([v.detach() for v in values.values()]).tolist()  # one transfer from the device
        terms.clear()
        terms.update(zip(values, numbers, strict=True))
        for name, value in terms.items():
            if not math.isfinite(value):
                raise _NotFiniteError(name)
        total.backward()  # type: ignore[no-untyped-call]
        if x.grad is None or not bool(torch.isfinite(x.grad).all()):
            raise _NotFiniteError("gradient of " + max(terms, key=lambda name: terms[name]))
        if sum(terms.values()) > max(EXPLOSION * best_loss, descent.floor):
            raise _NotFiniteError(max(terms, key=lambda name: terms[name]))
        return total

    step = 0
    while step < descent.steps:
        before = x.detach().clone()
        try:
            optimizer.step(closure)  # type: ignore[arg-type]
        except _NotFiniteError as error:
            failures += 1
            if failures > descent.retries or math.isinf(best_loss):
                raise DivergenceError(
                    f"The loss term {error.term!r} was not finite or exploded {failures} time(s), last at "
                    f"step {step + 1}. Lower its weight or the learning rate (now {rate:g}); the last good "
                    "picture is kept on this error as .image.",
                    term=error.term,
                    image=None if math.isinf(best_loss) else best,
                ) from None
            rate /= 2
            with torch.no_grad():
                x.copy_(best)
            optimizer = _optimizer(x, descent.optimizer, rate)
            recent.clear()
            continue
        step += 1
        loss = sum(terms.values())
        if loss < best_loss:
            best, best_terms, best_loss = before, dict(terms), loss
        on_step(step, dict(terms), before)
        if descent.decay_every and step % descent.decay_every == 0:
            rate *= descent.decay
            optimizer.param_groups[0]["lr"] = rate
        if descent.project is not None:
            with torch.no_grad():
                x.copy_(descent.project(x))
        recent.append(loss)
        if _levelled_off(recent, descent):
            return Minimum(point=best, terms=best_terms, stopped="levelled off")
    last = _measure(x, objective)  # the point after the last step, which no step has measured
    if sum(last.values()) <= best_loss:  # never true of NaN
        best, best_terms = x.detach(), last
    return Minimum(point=best, terms=best_terms, stopped="steps")


def _optimizer(x: Tensor, name: str, rate: float) -> torch.optim.Optimizer:
    if name == "adam":
        return torch.optim.Adam([x], lr=rate)
    # A history of 10 is as good as one of 100 and moves a tenth of the memory. One iteration a call, so that
    # every step can be watched; without a line search that costs a single evaluation.
    return torch.optim.LBFGS([x], lr=rate, max_iter=1, history_size=10, tolerance_grad=0, tolerance_change=0)


def _levelled_off(recent: deque[float], descent: Descent) -> bool:
    if descent.tolerance <= 0 or len(recent) <= descent.patience:
        return False
    return recent[0] - min(recent) <= descent.tolerance * abs(recent[0])


@torch.no_grad()
def _measure(x: Tensor, objective: Callable[[Tensor], Terms]) -> dict[str, float]:
    values = objective(x)
    return dict(zip(values, torch.stack(list(values.values())).tolist(), strict=True))
