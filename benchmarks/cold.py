"""The first picture of a fresh process: ``python -m benchmarks.cold METHOD SIZE DEVICE THREADS`` prints seconds.

What a user waits for before anything is warm: importing, reading the weights, the first call. The second call,
of the same picture, shows what of the first was setting up.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[1]


def start(*arguments: str) -> str:
    """Run a fresh Python with these arguments, where the benchmarks lie; return what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=_ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode:
        raise RuntimeError(f"A fresh process failed: {done.stderr.strip()[-2000:]}")
    return done.stdout


def _measure(method: str, size: str, device: str, threads: int) -> dict[str, Any]:
    began = time.perf_counter()
    import torch

    import styletransfer as st

    imported = time.perf_counter()
    from benchmarks import pictures
    from styletransfer.methods import METHODS
    from styletransfer.stylizer import synchronize

    torch.set_num_threads(threads)
    content, style = pictures.content(size), pictures.style(size)
    drawn = time.perf_counter()
    brief = dict(METHODS[method].brief)
    stylizer = st.create_stylizer(method, device=device, **brief)
    created = time.perf_counter()
    calls = []
    for _ in range(2):
        called = time.perf_counter()
        stylizer.stylize(content, style)
        synchronize(torch.device(device))
        calls.append(time.perf_counter() - called)
    return {
        "import": imported - began,
        "create": created - drawn,
        "first_call": calls[0],
        "second_call": calls[1],
        "options": brief,
    }


if __name__ == "__main__":
    name, edge, place, count = sys.argv[1:]
    print(json.dumps(_measure(name, edge, place, int(count))))
