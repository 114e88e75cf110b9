"""A reference in a process of its own: ``python -m benchmarks.then KIND METHOD EXTRACTOR SIZE PAIR``.

The package of today keeps freed memory, as the command line does; what it is compared with did not, and within one
process both would. The process works once for each line that it reads, and prints what that took.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.case import Case
from benchmarks.timing import Lap

_ROOT = Path(__file__).parents[1]


class Then:
    """The reference of a row; each call works once and returns a `Lap`.

    Args:
        kind: ``"picture"``, ``"step"`` or ``"textbook"``.
        case: The row.
    """

    def __init__(self, kind: str, case: Case) -> None:
        words = (kind, case.subject, case.extractor, case.size, case.pair)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.then", *words],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self) -> Lap:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        told = self._process.stdout.readline()
        if not told:
            raise RuntimeError("The process of the reference ended before its work did; its error stands above.")
        return Lap(*json.loads(told))

    def close(self) -> None:
        """End the process."""
        with self._process as process:  # which closes its pipes, and waits
            assert process.stdin is not None
            process.stdin.close()


def _work(kind: str, method: str, extractor: str, size: str, pair: str) -> Callable[[], Any]:
    from benchmarks import pictures, textbook
    from benchmarks.frozen import adain, gatys
    from benchmarks.networks import networks

    content, style = pictures.pair(pair, size)
    nets = networks(extractor, "cpu")
    if kind == "step":
        return gatys.Frozen(nets.extractor, content, style)
    stylizer = nets.stylizer(method, {"measure": False})
    if kind == "textbook":
        work: Callable[[], Any] = textbook.of(method).Textbook(stylizer, content, style)
        return work
    return adain.Frozen(stylizer, content, style)


def _serve(arguments: list[str]) -> None:
    import torch

    torch.set_num_threads(1)
    work = _work(*arguments)
    for _ in sys.stdin:
        began, used = time.perf_counter(), time.process_time()
        work()
        print(json.dumps([time.perf_counter() - began, time.process_time() - used]), flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1:])
