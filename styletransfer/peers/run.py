"""Runs a peer on one pair of pictures: files in, a picture and its seconds out."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styletransfer import images
from styletransfer._checks import integer, number
from styletransfer.errors import ImageError, OptionError, PeerError, StyleTransferError
from styletransfer.images import ImageSource, Picture
from styletransfer.peers import DEFAULT_TIMEOUT, LONGEST_TIMEOUT, Peer, find_peer, worker
from styletransfer.peers.child import Run, orderly_end, run_child
from styletransfer.progress import say

__all__ = ["PeerResult", "run_peer", "run_peers"]

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True, kw_only=True, eq=False)
class PeerResult:
    """What a peer made of one pair.

    Attributes:
        peer: Its name.
        image: (1, 3, H, W) float32 RGB in [0, 1], of the content's size.
        seconds: Wall clock; what it contains, `clock` says.
        processor_seconds: Of all threads; None where the system does not tell.
        clock: ``"work"``, after a warm-up, without loading, reading and writing; or ``"whole process"``.
        version: Of the peer.
        licence: Of the peer.
        settings: How it was run.
        resized_from: The size (H, W) in which it gave its picture, if that was another than the content's.
    """

    peer: str
    image: Tensor = field(repr=False)
    seconds: float
    processor_seconds: float | None
    clock: str
    version: str
    licence: str
    settings: Mapping[str, str]
    resized_from: tuple[int, int] | None

    def to_dict(self) -> dict[str, Any]:
        """Return all fields but the picture, ready for JSON."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "image"}
        size = self.resized_from
        return fields | {"settings": dict(self.settings), "resized_from": list(size) if size else None}


def run_peer(
    peer: str | Peer,
    content: ImageSource | Picture,
    style: ImageSource | Picture,
    *,
    long_edge: int | None = None,
    threads: int | None = None,
    device: str | torch.device = "cpu",
    timeout: float = DEFAULT_TIMEOUT,
) -> PeerResult:
    """Run a peer on one pair, in a new process.

    Both pictures are handed over as 8-bit PNG files at their working size; the result is read like any picture.

    Args:
        peer: See `styletransfer.peers.find_peer`.
        content: Anything that `load_image` takes; one picture.
        style: The same.
        long_edge: Reduce both pictures to this longer side first, pixels.
        threads: How many the peer is given; as many as PyTorch uses here by default.
        device: Where our own methods work. Unless it is CUDA, GPUs are hidden from the peer.
        timeout: Seconds after which the peer is stopped.

    Raises:
        OptionError: An unknown peer, or a number outside its range.
        PeerError: The peer is absent, fails, does not end in time, or makes no picture.
        ImageError: A picture that cannot be read.
    """
    chosen = find_peer(peer).require()
    number(timeout, "timeout", above=0.0, high=LONGEST_TIMEOUT)
    count = torch.get_num_threads() if threads is None else integer(threads, "threads", low=1)
    pictures = [_rgb(source, what, long_edge) for source, what in ((content, "content"), (style, "style"))]
    size = (pictures[0].shape[2], pictures[0].shape[3])
    scratch = tempfile.TemporaryDirectory(prefix="styletransfer-peer-", ignore_cleanup_errors=True)
    with orderly_end(), scratch as place:
        folder = Path(place)
        files = {name: folder / f"{name}.png" for name in ("content", "style", "output")}
        for name, picture in zip(("content", "style"), pictures, strict=True):
            images.save_image(picture, files[name])
        values = {name: str(file) for name, file in files.items()} | {
            "long_edge": str(max(size)),
            "threads": str(count),
            "python": sys.executable,
            "worker": worker.__file__,
            "folder": str(chosen.folder or ""),
        }
        environment = os.environ | dict.fromkeys(_THREADS, str(count))
        if torch.device(device).type != "cuda":
            environment["CUDA_VISIBLE_DEVICES"] = ""
        run = run_child(chosen.name, _filled(chosen.command, values), environment, timeout)
        image = _read_result(chosen.name, files["output"])
    measured = _answer(chosen.name, run) if chosen.clock == "work" else {}
    given = (image.shape[2], image.shape[3])
    return PeerResult(
        peer=chosen.name,
        image=image if given == size else images.resize(image, size),
        seconds=measured.get("seconds", run.seconds),
        processor_seconds=measured.get("processor_seconds", run.processor_seconds),
        clock=chosen.clock,
        version=chosen.version(),
        licence=chosen.licence,
        settings={
            **chosen.settings,
            "device": measured.get("device", "the program's choice"),
            "threads": f"{count} ({chosen.threads})",
        },
        resized_from=None if given == size else given,
    )


def run_peers(
    peers: Sequence[Peer],
    content: ImageSource | Picture,
    style: ImageSource | Picture,
    *,
    progress: bool = False,
    **settings: Any,
) -> Iterator[tuple[str, PeerResult | StyleTransferError]]:
    """Run several peers, one after the other; yield the name of each with its result, or with why there is none.

    Args:
        peers: See `styletransfer.peers.find_peers`.
        content: One picture.
        style: One picture.
        progress: Tell on standard error which one runs.
        **settings: See `run_peer`.
    """
    for peer in peers:
        if progress:
            say(f"{peer.name} runs in a process of its own ...")
        try:
            yield peer.name, run_peer(peer, content, style, **settings)
        except StyleTransferError as problem:
            yield peer.name, problem


def _rgb(source: ImageSource | Picture, what: str, long_edge: int | None) -> Tensor:
    if isinstance(source, Picture):
        source = source.rgb
    return images.read_picture(source, what=what, long_edge=long_edge).rgb


def _filled(command: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Put the values into the placeholders, all at once; other braces stay."""
    pattern = re.compile(rf"\{{({'|'.join(values)})\}}")
    return [pattern.sub(lambda found: values[found[1]], word) for word in command]


def _read_result(name: str, path: Path) -> Tensor:
    try:
        if not path.is_file():
            raise PeerError(f"{name} ended without an error, but wrote no picture to the output it was given.")
        return images.read_picture(path, what="result", quiet=True).rgb
    except (ImageError, OSError) as problem:
        raise PeerError(f"{name} wrote a picture that cannot be used: {problem}") from problem


def _answer(name: str, run: Run) -> dict[str, Any]:
    """Return what the worker measured."""
    try:
        answer = json.loads(run.output[-1])
        for key in ("seconds", "processor_seconds"):
            number(answer[key], key, low=0.0)
        return {"device": str(answer["device"]), **answer}
    except (IndexError, KeyError, TypeError, ValueError, OptionError) as problem:
        said = run.output[-1][:200] if run.output else "nothing"
        raise PeerError(f"{name} ended without telling its seconds; it answered: {said}") from problem
