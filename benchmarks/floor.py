"""The machine's floor: operations counted layer by layer, over the rate of matrix products measured here.

A direct convolution cannot be faster than its multiplications. The share of the floor that a row reaches tells
whether a good ratio is a win or only a slow reference. (Algorithms that save multiplications, as Winograd's,
may go below it.) An operation is a multiplication or an addition: twice the multiply-accumulates.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from benchmarks.timing import wait_for
from styletransfer.features.vgg import VGG19Features
from styletransfer.layers import BY_TAP, LAYERS

#: Seconds after which a rate is known well enough.
_LONGEST = 3.0
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def encoder(extractor: VGG19Features, last: str, size: tuple[int, int]) -> int:
    """Count the forward pass up to the layer `last`."""
    total, channels = 0, 3
    for layer in LAYERS:
        height, width = at_stride(size, layer.stride)
        wide = extractor.widths[layer.block - 1]
        total += 2 * 9 * channels * wide * height * width
        channels = wide
        if last in (layer.conv, layer.relu):
            break
    return total


def grams(extractor: VGG19Features, layers: tuple[str, ...], size: tuple[int, int]) -> int:
    """Count the Gram matrices of `layers`."""
    total = 0
    for tap in layers:
        height, width = at_stride(size, BY_TAP[tap].stride)
        total += 2 * extractor.channels(tap) ** 2 * height * width
    return total


def at_stride(size: tuple[int, int], stride: int) -> tuple[int, int]:
    """Return (H, W) of a layer of that stride."""
    return size[0] // stride, size[1] // stride


def rate(device: str, precision: str, clock: Callable[[], float] = time.perf_counter) -> float:
    """Measure operations a second in square matrix products: the best of some, as a floor should be."""
    target = torch.device(device)
    side = 1024 if device == "cpu" else 8192
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(side, side, generator=generator).to(target, _DTYPES[precision])
    best = 0.0
    torch.mm(a, a)
    began_all = clock()
    for _ in range(12):
        if best and clock() - began_all > _LONGEST:
            break  # some processors emulate bfloat16
        wait_for(target)
        began = clock()
        torch.mm(a, a)
        wait_for(target)
        best = max(best, 2 * side**3 / (clock() - began))
    return best


#: What this run has measured, by device and precision.
_RATES: dict[str, float] = {}


def measured_rates() -> dict[str, float]:
    """Return the rates that this run has measured so far, for its record."""
    return dict(_RATES)


def seconds(operations: int, device: str, precision: str, *, one_thread: bool = False) -> float:
    """Return how long `operations` take at the rate of matrix products, which is measured on first use.

    Args:
        operations: How many.
        device: Where.
        precision: In which numbers.
        one_thread: Whether torch has been told to use one thread; that rate is another one.
    """
    key = f"{device} {precision}" + (", one thread" if one_thread else "")
    if key not in _RATES:
        _RATES[key] = rate(device, precision, time.process_time) if one_thread else rate(device, precision)
    return operations / _RATES[key]


def counted(work: Callable[[], object]) -> int:
    """Count the operations of convolutions and matrix products that `work` does, by torch's own counter."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())
