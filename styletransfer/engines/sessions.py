"""Networks as graphs in the sessions of another runtime, built when they are first wanted."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from styletransfer.engines.interface import Networks
from styletransfer.engines.recorder import Recorder
from styletransfer.engines.runtimes import RUNTIMES, Run
from styletransfer.layers import BY_TAP
from styletransfer.memory import is_lack

Tensors = Mapping[str, Tensor]
#: Rows, and columns, of the coarsest features in an example.
_SIDE = 4


@dataclass(frozen=True, kw_only=True)
class _Call:
    """One call of a network.

    Attributes:
        key: Which network.
        network: The network, in torch.
        free: Inputs with any height and width, (B, C, h, w).
        fixed: Inputs (B or 1, C, 1, 1).
        stride: How many rows of the first of `free` make one of the coarsest features within; None if of all.
    """

    key: tuple[Any, ...]
    network: Callable[[Tensors], Tensors]
    free: Tensors
    fixed: Tensors = field(default_factory=dict)
    stride: int = 1

    @property
    def is_regular(self) -> bool:
        """Whether it is computed as calls of other sizes are.

        Where a side is of one position, paddings do not reflect; and features of odd pictures may be cut.
        """
        least = [min(x.shape[side] for x in self.free.values()) for side in (2, 3)]
        whole = all(x.shape[side] % least[side - 2] == 0 for x in self.free.values() for side in (2, 3))
        return whole and min(least) >= 2 * self.stride

    def examples(self) -> dict[str, Tensor]:
        """Return small inputs whose sides are in the same proportions."""
        least = [min(x.shape[side] for x in self.free.values()) for side in (2, 3)]
        found = {}
        for name, x in self.free.items():
            sides = [_SIDE * self.stride * x.shape[side] // least[side - 2] for side in (2, 3)]
            found[name] = x.new_zeros(1, x.shape[1], *sides)
        return found | {name: x.new_zeros(1, *x.shape[1:]) for name, x in self.fixed.items()}


class Sessions:
    """The calls of `Networks`, computed by a runtime.

    A session is for a set of layers or a stage, and for a number of threads. Pictures of any size go through it,
    those of a batch one by one.

    Args:
        engine: Name of the runtime.
        in_torch: What is computed; it also answers where the runtime cannot.
    """

    def __init__(self, engine: str, in_torch: Networks) -> None:
        self._engine = engine
        self._in_torch = in_torch
        self._sessions: dict[tuple[Any, ...], tuple[Run, list[str]]] = {}
        self._failed = False

    def encode(self, picture: Tensor, taps: Sequence[str]) -> Tensors:
        """See `Encode`."""
        wanted = tuple(taps)
        call = _Call(
            key=("encode", *wanted),
            network=lambda tensors: self._in_torch.encode(tensors["picture"], wanted),
            free={"picture": picture},
            stride=max(BY_TAP[tap].stride for tap in wanted),
        )
        made = self._computed(call)
        return self._in_torch.encode(picture, wanted) if made is None else made

    def stage(
        self,
        index: int,
        x: Tensor | None,
        targets: Tensors,
        changes: Sequence[tuple[Tensor, Tensor]] | None,
    ) -> Tensor:
        """See `Stage`."""
        free = dict(targets) if x is None else {"x": x, **targets}
        scales = {f"scale{n}": scale for n, (scale, _) in enumerate(changes or ())}
        shifts = {f"shift{n}": shift for n, (_, shift) in enumerate(changes or ())}

        def network(tensors: Tensors) -> Tensors:
            features = {tap: tensors[tap] for tap in targets}
            own = [(tensors[a], tensors[b]) for a, b in zip(scales, shifts, strict=True)]
            return {"made": self._in_torch.stage(index, tensors.get("x"), features, own or None)}

        key = ("stage", index, *free, len(scales))
        made = self._computed(_Call(key=key, network=network, free=free, fixed=scales | shifts))
        return self._in_torch.stage(index, x, targets, changes) if made is None else made["made"]

    def _computed(self, call: _Call) -> Tensors | None:
        """Return the results of a call; None if the runtime cannot give them."""
        if self._failed or not call.is_regular:
            return None
        key = (*call.key, torch.get_num_threads())
        try:
            if key not in self._sessions:
                self._sessions[key] = self._opened(call)
            return _one_by_one(*self._sessions[key], {**call.free, **call.fixed})
        except Exception as error:  # the runtimes have types of their own
            if is_lack(error) or "alloc" in str(error):
                self._sessions.clear()  # they keep what earlier calls took
                raise MemoryError(str(error)) from error
            self._failed = True
            reason = str(error).strip().partition("\n")[0].rstrip(".")
            warnings.warn(
                f"The engine {self._engine!r} failed, so torch computes instead, with the same result: {reason}.",
                stacklevel=2,
            )
            return None

    def _opened(self, call: _Call) -> tuple[Run, list[str]]:
        runtime, recorder = RUNTIMES[self._engine], Recorder()
        examples = call.examples()
        for name, example in examples.items():
            recorder.input(name, example, fixed=name in call.fixed)
        # The networks fold scales into weights where no gradients flow.
        with torch.inference_mode(False), torch.set_grad_enabled(not runtime.folded), recorder:
            results = call.network(examples)
        for name, result in results.items():
            recorder.output(name, result)
        return runtime.open(recorder.graph.serialised(), torch.get_num_threads()), list(results)


def _one_by_one(run: Run, names: Sequence[str], tensors: Tensors) -> dict[str, Tensor]:
    """Run a graph for each picture of a batch."""
    batch = max(len(x) for x in tensors.values())
    arrays = {name: x.detach().contiguous().numpy() for name, x in tensors.items()}
    made = [
        run({name: x if len(x) == 1 else x[number : number + 1] for name, x in arrays.items()})
        for number in range(batch)
    ]
    each = [[torch.from_numpy(x) for x in outputs] for outputs in made]
    return {
        name: parts[0] if batch == 1 else torch.cat(parts)
        for name, parts in zip(names, zip(*each, strict=True), strict=True)
    }
