"""L-BFGS with unit steps, its history in one buffer and without decisions that wait for the device."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

#: A pair of less curvature than this is left out, as in `torch.optim.LBFGS`.
_FLATTEST = 1e-10


class LBFGS:
    """Limited-memory BFGS for one tensor (Nocedal 1980, "Updating Quasi-Newton Matrices with Limited Storage").

    Its steps are those of `torch.optim.LBFGS` with one iteration a call and no line search, which asks the device
    several times a step whether to go on. Here a pair of changes without positive curvature, or a direction that
    leads upwards, is multiplied by 0 instead. (Such a pair takes a place in the history all the same.) It is no
    `torch.optim.Optimizer`: the first of those in a process imports torch's compiler, two seconds and 200 MB.

    Args:
        variable: What is optimised.
        lr: Step length, which may be changed between steps; the first step is shortened to a length of 1 in sum.
        history: How many pairs of changes are remembered.
        dtype: In which precision they are; by default the variable's.

    Example:
        >>> import torch
        >>> x = torch.tensor([3.0, -2.0], requires_grad=True)
        >>> optimizer = LBFGS(x)
        >>> def bowl():
        ...     optimizer.zero_grad()
        ...     loss = (torch.tensor([1.0, 4.0]) * x**2).sum()
        ...     loss.backward()
        ...     return loss.detach()
        >>> losses = [float(optimizer.step(bowl)) for _ in range(12)]
        >>> losses[0], losses[-1] < 1e-6
        (25.0, True)
    """

    def __init__(
        self,
        variable: Tensor,
        *,
        lr: float = 1.0,
        history: int = 10,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.lr = lr
        self._x = variable
        self._history = history
        self._steps = 0
        # By place: the change of the variable, that of the gradient, and the inverse of their product.
        shape = (history, variable.numel())
        self._moves, self._turns = variable.new_empty((2, *shape), dtype=dtype or variable.dtype)
        self._factors = variable.new_zeros(history)
        self._scale = variable.new_ones(())

    def zero_grad(self) -> None:
        """Forget the variable's gradient."""
        self._x.grad = None

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor]) -> Tensor:
        """Take one step from where `closure` measures loss and gradient; return the loss."""
        with torch.enable_grad():
            loss = closure()
        gradient = torch.zeros_like(self._x) if self._x.grad is None else self._x.grad
        gradient = gradient.flatten()
        if self._steps == 0:
            direction = -gradient
            length = self.lr * (1 / gradient.abs().sum()).clamp_max(1.0)
            self._last = gradient.clone()
        else:
            self._remember(gradient)
            direction = self._direction(gradient)
            length = torch.full_like(self._scale, self.lr)
            self._last.copy_(gradient)
        self._steps += 1
        self._made = direction, length
        downhill = length * (gradient.dot(direction) <= 0)
        self._x.addcmul_(direction.view_as(self._x), downhill)
        return loss

    def _remember(self, gradient: Tensor) -> None:
        """Put what the last step changed in place of the oldest pair."""
        place = (self._steps - 1) % self._history
        direction, length = self._made
        move, turn = direction.mul_(length), self._last.neg_().add_(gradient)
        curvature = move.dot(turn)
        counts = curvature > _FLATTEST
        self._moves[place], self._turns[place] = move, turn
        self._factors[place] = torch.where(counts, 1 / curvature, 0.0)
        self._scale = torch.where(counts, curvature / turn.dot(turn), self._scale)

    def _direction(self, gradient: Tensor) -> Tensor:
        """Return minus the inverse Hessian, as far as it is known, times the gradient."""
        held = min(self._steps, self._history)
        oldest_first = [(self._steps - held + number) % self._history for number in range(held)]
        result, shares = -gradient, {}
        for place in reversed(oldest_first):
            shares[place] = self._factors[place] * result.dot(self._moves[place].to(result.dtype))
            result.addcmul_(self._turns[place].to(result.dtype), shares[place], value=-1)
        result.mul_(self._scale)
        for place in oldest_first:
            share = self._factors[place] * result.dot(self._turns[place].to(result.dtype))
            result.addcmul_(self._moves[place].to(result.dtype), shares[place] - share)
        return result
