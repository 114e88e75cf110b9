"""Graphs of operators in the ONNX format, which onnxruntime and OpenVINO read.

No other package is needed to write one: the format is a few fields of protocol buffers, with the numbers that
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto gives them.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

#: Operator set 18 is read by every runtime since 2023.
_OPSET, _IR_VERSION = 18, 8
_ELEMENT_TYPES = {"float32": 1, "int64": 7}
#: What an attribute may be: a number, a text, or whole numbers.
Attribute = float | int | str | Sequence[int]


class Graph:
    """An ONNX graph that grows node by node.

    Example:
        >>> graph = Graph()
        >>> picture = graph.add_input("picture", (1, 3, "height", "width"))
        >>> half = graph.add_node("Mul", [picture, graph.add_constant(np.array(0.5, dtype=np.float32))])
        >>> graph.add_output(half, "half", (1, 3, "height", "width"))
        >>> b"Mul" in graph.serialised()
        True
    """

    def __init__(self) -> None:
        self._nodes: list[tuple[str, Sequence[str], str, Mapping[str, Attribute]]] = []
        self._constants: list[bytes] = []
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []
        self._names: dict[str, str] = {}
        self._count = 0

    def add_input(self, name: str, shape: Sequence[int | str]) -> str:
        """Declare a float32 input; sides that are free have a name in place of a number."""
        self._inputs.append(_value(name, shape))
        return name

    def add_constant(self, array: NDArray[np.float32] | NDArray[np.int64]) -> str:
        """Add a constant and return its name."""
        name = self._new_name()
        parts = [_number(1, size) for size in array.shape]
        parts += [_number(2, _ELEMENT_TYPES[array.dtype.name]), _field(8, name.encode())]
        parts += [_field(9, array.tobytes())]  # row by row, whatever the order in memory
        self._constants.append(b"".join(parts))
        return name

    def add_node(self, operator: str, inputs: Sequence[str], **attributes: Attribute) -> str:
        """Add an operator with one output and return that output's name; an empty input is one left out."""
        name = self._new_name()
        self._nodes.append((operator, inputs, name, attributes))
        return name

    def add_output(self, value: str, name: str, shape: Sequence[int | str]) -> None:
        """Declare that the output `value` of an operator leaves the graph as `name`."""
        self._names[value] = name
        self._outputs.append(_value(name, shape))

    def serialised(self) -> bytes:
        """Return the model as a file's content."""
        graph = b"".join(
            [
                *(_field(1, self._node(*node)) for node in self._nodes),
                _field(2, b"styletransfer"),
                *(_field(5, constant) for constant in self._constants),
                *(_field(11, value) for value in self._inputs),
                *(_field(12, value) for value in self._outputs),
            ]
        )
        return _number(1, _IR_VERSION) + _field(7, graph) + _field(8, _number(2, _OPSET))

    def _node(
        self, operator: str, inputs: Sequence[str], output: str, attributes: Mapping[str, Attribute]
    ) -> bytes:
        parts = [_field(1, self._names.get(each, each).encode()) for each in inputs]
        parts += [_field(2, self._names.get(output, output).encode()), _field(4, operator.encode())]
        parts += [_field(5, _attribute(key, value)) for key, value in attributes.items()]
        return b"".join(parts)

    def _new_name(self) -> str:
        self._count += 1
        return f"value{self._count}"


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    """Describe an input or output of float32."""
    sides = (_field(2, side.encode()) if isinstance(side, str) else _number(1, side) for side in shape)
    dimensions = _field(2, b"".join(_field(1, side) for side in sides))
    return _field(1, name.encode()) + _field(2, _field(1, _number(1, _ELEMENT_TYPES["float32"]) + dimensions))


def _attribute(name: str, value: Attribute) -> bytes:
    start = _field(1, name.encode())
    if isinstance(value, float):
        return start + _varint(2 << 3 | 5) + struct.pack("<f", value) + _number(20, 1)
    if isinstance(value, int):
        return start + _number(3, value) + _number(20, 2)
    if isinstance(value, str):
        return start + _field(4, value.encode()) + _number(20, 3)
    return start + b"".join(_number(8, item) for item in value) + _number(20, 7)


def _field(number: int, content: bytes) -> bytes:
    """Return a field of some length: text, bytes or a message."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    """Return a field that is a whole number from 0 on."""
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    """Return a whole number in groups of seven bits, the lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
