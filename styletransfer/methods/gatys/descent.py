"""A guarded descent: step, watch, go back to the last good point when the loss is not finite or explodes."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from styletransfer.errors import DivergenceError
from styletransfer.methods.gatys.lbfgs import LBFGS

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
        patience: Steps over which the fall is measured.
        retries: How often to go back and halve the step length before giving up.
        floor: A loss up to this is no explosion, however much smaller the best one is: otherwise every step away
            from a nearly perfect point would be one.
        project: Brings the variable back to where it may be, after each step.
        history: How many pairs of changes L-BFGS remembers. 10 are as good as 100 and move a tenth of the memory.
        compact: Whether they are remembered in bfloat16, in half of the memory.
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
    history: int = 10
    compact: bool = False


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
    state = _State(variable, objective, descent)
    recent: deque[float] = deque(maxlen=min(descent.patience, descent.steps) + 1)
    step = 0
    while step < descent.steps:
        before = state.x.detach().clone()
        try:
            state.optimizer.step(state.evaluate)
        except _NotFiniteError as error:
            state.go_back(error.term, step + 1)
            recent.clear()
            continue
        step += 1
        terms = dict(state.terms)
        state.compare(before, terms)
        on_step(step, terms, before)
        if descent.decay_every and step % descent.decay_every == 0:
            state.decay()
        if descent.project is not None:
            with torch.no_grad():
                state.x.copy_(descent.project(state.x))
        recent.append(sum(terms.values()))
        if _levelled_off(recent, descent):
            return Minimum(point=state.best, terms=state.best_terms, stopped="levelled off")
    state.compare(state.x.detach(), _measure(state.x, objective))  # which no step has measured
    return Minimum(point=state.best, terms=state.best_terms, stopped="steps")


class _State:
    """Where a descent stands: the point and the optimiser, and the best point so far."""

    def __init__(self, variable: Tensor, objective: Callable[[Tensor], Terms], descent: Descent) -> None:
        self.objective = objective
        self.descent = descent
        self.x = variable.detach().clone().requires_grad_()
        self.rate = descent.learning_rate
        self.optimizer = self._optimizer()
        self.terms: dict[str, float] = {}
        self.best = self.x.detach().clone()
        self.best_terms: dict[str, float] = {}
        self.best_loss = math.inf
        self.failures = 0

    def evaluate(self) -> Tensor:
        """Return the loss with its gradient, as optimisers ask for; raise `_NotFiniteError` if it is useless."""
        self.optimizer.zero_grad()
        values = self.objective(self.x)
        total = torch.stack(list(values.values())).sum()
        total.backward()  # type: ignore[no-untyped-call]
        finite = total.new_zeros(()) if self.x.grad is None else torch.isfinite(self.x.grad).all().to(total)
        *numbers, sound = torch.stack(
            [*[v.detach() for v in values.values()], finite]
        ).tolist()  # the one transfer
        self.terms = dict(zip(values, numbers, strict=True))
        for name, value in self.terms.items():
            if not math.isfinite(value):
                raise _NotFiniteError(name)
        largest = max(self.terms, key=lambda name: self.terms[name])
        if not sound:
            raise _NotFiniteError(f"gradient of {largest}")
        if sum(self.terms.values()) > max(EXPLOSION * self.best_loss, self.descent.floor):
            raise _NotFiniteError(largest)
        return total.detach()

    def compare(self, point: Tensor, terms: dict[str, float]) -> None:
        """Keep `point` if its loss is the lowest so far; that of NaN never is."""
        loss = sum(terms.values())
        if loss <= self.best_loss:
            self.best, self.best_terms, self.best_loss = point, terms, loss

    def decay(self) -> None:
        """Shorten the steps as planned."""
        self.rate *= self.descent.decay
        if isinstance(self.optimizer, LBFGS):
            self.optimizer.lr = self.rate
        else:
            self.optimizer.param_groups[0]["lr"] = self.rate

    def go_back(self, term: str, step: int) -> None:
        """Return to the best point with half the step length, or give up."""
        self.failures += 1
        if self.failures > self.descent.retries or math.isinf(self.best_loss):
            kept = "" if math.isinf(self.best_loss) else "; the last good picture is kept on this error as .image"
            raise DivergenceError(
                f"The loss term {term!r} was not finite or exploded {self.failures} time(s), last at "
                f"step {step}. Lower its weight or the learning rate (now {self.rate:g}){kept}.",
                term=term,
                image=None if math.isinf(self.best_loss) else self.best,
            ) from None
        self.rate /= 2
        with torch.no_grad():
            self.x.copy_(self.best)
        self.optimizer = self._optimizer()

    def _optimizer(self) -> LBFGS | torch.optim.Adam:
        if self.descent.optimizer == "adam":
            return torch.optim.Adam([self.x], lr=self.rate)
        dtype = torch.bfloat16 if self.descent.compact else self.x.dtype
        return LBFGS(self.x, lr=self.rate, history=self.descent.history, dtype=dtype)


def _levelled_off(recent: deque[float], descent: Descent) -> bool:
    if descent.tolerance <= 0 or len(recent) <= descent.patience:
        return False
    return recent[0] - min(recent) <= descent.tolerance * abs(recent[0])


@torch.no_grad()
def _measure(x: Tensor, objective: Callable[[Tensor], Terms]) -> dict[str, float]:
    values = objective(x)
    return dict(zip(values, torch.stack(list(values.values())).tolist(), strict=True))
