"""The runtimes that compute graphs, each behind one function."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
#: From a graph's inputs by name to its outputs in their order.
Run = Callable[[Mapping[str, Array]], list[Array]]


class Runtime(NamedTuple):
    """A runtime.

    Attributes:
        open: From a graph in the ONNX format and a number of threads to what runs it.
        folded: Whether it is faster where the modulation's scales are folded into weights, which are then no
            constants; else they scale what the convolutions give. (1x1 convolutions: always folded.)
    """

    open: Callable[[bytes, int], Run]
    folded: bool


def _open_onnxruntime(model: bytes, threads: int) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # nothing below fatal: errors are raised, too
    # Else its threads wait busily while torch's work.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = {each.name for each in session.get_inputs()}

    def run(inputs: Mapping[str, Array]) -> list[Array]:
        outputs: list[Array] = session.run(None, {name: x for name, x in inputs.items() if name in names})
        return outputs

    return run


def _open_openvino(model: bytes, threads: int) -> Run:
    import openvino

    settings: dict[str, Any] = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # else bfloat16 where the processor has it
    }
    core = openvino.Core()
    request = core.compile_model(core.read_model(model=model), "CPU", settings).create_infer_request()
    names = {name for each in request.get_compiled_model().inputs for name in each.get_names()}
    outputs, used = request.get_compiled_model().outputs, threading.Lock()

    def run(inputs: Mapping[str, Array]) -> list[Array]:
        with used:  # a request is for one call at a time
            # Empty tensors of our own, which grow: the request's own would be overwritten by the next call.
            made = [openvino.Tensor(openvino.Type.f32, openvino.Shape([0, 0, 0, 0])) for _ in outputs]
            for number, tensor in enumerate(made):
                request.set_output_tensor(number, tensor)
            given = {name: x for name, x in inputs.items() if name in names}
            request.infer(given, share_inputs=True, share_outputs=True)
            return [tensor.data for tensor in made]

    return run


RUNTIMES = {
    "onnxruntime": Runtime(open=_open_onnxruntime, folded=False),
    "openvino": Runtime(open=_open_openvino, folded=True),
}
