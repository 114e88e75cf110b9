"""Records what a network's own code computes, as a `Graph`: no network is described twice.

The code runs once on small examples while each call of torch's that has to do with an input is noted. What depends
on weights alone is computed there and then and becomes a constant of the graph. A call that is not known here, or
that would fix the height or width of the examples in the graph, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor
from torch.overrides import TorchFunctionMode

from styletransfer.engines.graph import Attribute, Graph


@dataclass(frozen=True)
class _Value:
    """What the graph has of a tensor.

    Attributes:
        name: In the graph.
        fixed: Whether its shape is the same for every size of picture.
        interleaved: Whether torch sees (B, h, w, C) where the graph has (B, C, h, w).
    """

    name: str
    fixed: bool
    interleaved: bool = False


class Recorder(TorchFunctionMode):
    """Notes in `graph` what is computed from the inputs while it is active.

    Example:
        >>> import torch
        >>> recorder, picture = Recorder(), torch.zeros(1, 3, 8, 8)
        >>> recorder.input("picture", picture)
        >>> with recorder:
        ...     half = torch.nn.functional.avg_pool2d(picture, 2)
        >>> recorder.output("half", half)
        >>> b"AveragePool" in recorder.graph.serialised()
        True
    """

    def __init__(self) -> None:
        super().__init__()
        self.graph = Graph()
        # Tensors are held beside their values: a freed one's identity could be given to another.
        self._values: dict[int, tuple[Tensor, _Value]] = {}

    def input(self, name: str, example: Tensor, *, fixed: bool = False) -> None:
        """Declare an input (1, C, h, w), whose height and width are free unless `fixed`."""
        shape = tuple(example.shape) if fixed else _free_shape(name, example)
        self._values[id(example)] = (example, _Value(self.graph.add_input(name, shape), fixed))

    def output(self, name: str, tensor: Tensor) -> None:
        """Declare an output (1, C, h, w)."""
        self.graph.add_output(self.value(tensor).name, name, _free_shape(name, tensor))

    def value(self, tensor: Tensor) -> _Value:
        """Return what the graph has of a tensor; one that depends on no input becomes a constant."""
        if id(tensor) not in self._values:
            constant = self.graph.add_constant(tensor.detach().numpy())
            self._values[id(tensor)] = (tensor, _Value(constant, fixed=True))
        return self._values[id(tensor)][1]

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        known = [self._values[id(t)] for t in _tensors([*args, *kwargs.values()]) if id(t) in self._values]
        if not known or not isinstance(result, Tensor):
            return result
        name = func.__name__.strip("_")  # of the variants in place, and of operators, too
        if name not in _OPERATIONS:
            raise NotImplementedError(f"{name!r} of torch has no counterpart in graphs")
        made = _OPERATIONS[name](_Call(self, result), *args, **kwargs)
        value = made if isinstance(made, _Value) else _Value(made, all(value.fixed for _, value in known))
        self._values[id(result)] = (result, value)
        return result


@dataclass(frozen=True)
class _Call:
    """One call: what gives it a place in the graph."""

    recorder: Recorder
    result: Tensor

    def node(self, operator: str, *inputs: Tensor | str, **attributes: Attribute) -> str:
        names = [each if isinstance(each, str) else self.planar(each) for each in inputs]
        return self.recorder.graph.add_node(operator, names, **attributes)

    def planar(self, tensor: Tensor) -> str:
        """Return the name of a tensor whose axes are those of the graph."""
        value = self.recorder.value(tensor)
        if value.interleaved:
            raise NotImplementedError("interleaved channels are for 1x1 convolutions only")
        return value.name

    def constant(self, numbers: Iterable[float], dtype: Any = np.int64) -> str:
        return self.recorder.graph.add_constant(np.array(list(numbers), dtype=dtype))

    def reshaped(self, tensor: Tensor, shape: Iterable[int]) -> str:
        value = self.recorder.value(tensor)
        if not value.fixed:
            raise NotImplementedError("a shape would depend on the size of the example")
        return self.node("Reshape", value.name, self.constant(shape))


def _conv2d(call: _Call, x: Tensor, weight: Tensor, bias: Tensor | None, stride: Any = 1, *others: Any) -> str:
    if any(_pair(value) != wanted for value, wanted in zip(others, ([0, 0], [1, 1], [1, 1]), strict=False)):
        raise NotImplementedError("convolutions have no padding, dilation or groups here")
    inputs = [x, weight] if bias is None else [x, weight, bias]
    return call.node("Conv", *inputs, strides=_pair(stride), kernel_shape=list(weight.shape[2:]))


def _linear(call: _Call, rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> _Value:
    """A matrix product over interleaved channels is a 1x1 convolution."""
    x = call.recorder.value(rows)
    if not x.interleaved:
        raise NotImplementedError("matrix products are for interleaved channels only")
    inputs = [x.name, call.reshaped(weight, (*weight.shape, 1, 1))]
    inputs += [] if bias is None else [call.planar(bias)]
    return _Value(call.node("Conv", *inputs, kernel_shape=[1, 1]), fixed=False, interleaved=True)


def _axes(interleaving: tuple[int, ...], undoing: tuple[int, ...]) -> Callable[..., _Value]:
    """Interleaving channels, and undoing it, changes nothing in the graph; other orders of axes are refused."""

    def reordered(call: _Call, x: Tensor, *order: int) -> _Value:
        value = call.recorder.value(x)
        if order != (undoing if value.interleaved else interleaving):
            raise NotImplementedError(f"axes in the order {order} have no counterpart in graphs")
        return _Value(value.name, value.fixed, not value.interleaved)

    return reordered


def _pad(call: _Call, x: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> str:
    left, right, top, bottom = pad
    mode = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}[mode]
    return call.node("Pad", x, call.constant((0, 0, top, left, 0, 0, bottom, right)), mode=mode)


def _interpolate(call: _Call, x: Tensor, *, scale_factor: float, mode: str, **others: Any) -> str:
    factors = call.constant((1, 1, scale_factor, scale_factor), np.float32)
    if mode == "nearest":
        return call.node(
            "Resize", x, "", factors, coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        )
    return call.node("Resize", x, "", factors, mode="linear", coordinate_transformation_mode="half_pixel")


def _pool(operator: str) -> Callable[..., str]:
    def pool(call: _Call, x: Tensor, size: int, *, ceil_mode: bool = False, **others: Any) -> str:
        return call.node(operator, x, kernel_shape=_pair(size), strides=_pair(size), ceil_mode=int(ceil_mode))

    return pool


def _addcmul(call: _Call, added: Tensor, first: Tensor, second: Tensor) -> str:
    return call.node("Add", call.node("Mul", first, second), added)


def _same_numbers(call: _Call, x: Tensor, *_: Any, **__: Any) -> str | _Value:
    """What keeps all numbers in their order: another shape, if that is fixed; another place in memory."""
    if call.result.shape == x.shape:
        return call.recorder.value(x)
    if call.result.numel() != x.numel():
        raise NotImplementedError("a part of a tensor would depend on the size of the example")
    return call.reshaped(x, call.result.shape)


_OPERATIONS: Mapping[str, Callable[..., str | _Value]] = {
    "conv2d": _conv2d,
    "linear": _linear,
    "permute": _axes((0, 2, 3, 1), (0, 3, 1, 2)),
    "movedim": _axes((1, -1), (-1, 1)),
    "pad": _pad,
    "interpolate": _interpolate,
    "max_pool2d": _pool("MaxPool"),
    "avg_pool2d": _pool("AveragePool"),
    "relu": lambda call, x, inplace=False: call.node("Relu", x),
    "leaky_relu": lambda call, x, slope, inplace=False: call.node("LeakyRelu", x, alpha=float(slope)),
    "pixel_shuffle": lambda call, x, factor: call.node("DepthToSpace", x, blocksize=factor, mode="CRD"),
    "add": lambda call, left, right: call.node("Add", left, right),
    "mul": lambda call, left, right: call.node("Mul", left, right),
    "addcmul": _addcmul,
    **dict.fromkeys(("to", "contiguous", "flatten", "view", "getitem"), _same_numbers),
}


def _free_shape(name: str, example: Tensor) -> tuple[int | str, ...]:
    return (*example.shape[:2], f"{name}_height", f"{name}_width")


def _pair(value: Any) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _tensors(value)
