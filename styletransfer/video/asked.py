"""What decides about the result of a run: records show it, and parts of another one are of no use."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

from styletransfer.images import Picture
from styletransfer.recording import picture_hash, plain, weight_hashes
from styletransfer.stylizer import EncodedStyle, Stylizer
from styletransfer.video.clips import Clip
from styletransfer.video.outputs import Output
from styletransfer.video.schedule import Schedule


def asked_for(
    clip: Clip,
    output: Output,
    stylizer: Stylizer,
    styles: list[Picture | EncodedStyle],
    strength: Schedule,
    smoothing: float,
    segment: int,
) -> dict[str, Any]:
    """Return all that decides about the result, ready for JSON."""
    config = stylizer.config
    return {
        "method": stylizer.method,
        "extractor": stylizer.extractor.name,
        "parts": dict(stylizer.parts),
        "config": {f.name: plain(getattr(config, f.name)) for f in dataclasses.fields(config)},
        "controls": dataclasses.asdict(stylizer.controls),
        "strength": [list(point) for point in strength.points],
        "smoothing": smoothing,
        "segment": segment,
        "rate": str(clip.rate),
        "size": list(clip.size),
        "encoding": output.settings(),
        "hashes": {
            "content": clip.digest(),
            "styles": [_hash(style) for style in styles],
            "weights": weight_hashes(stylizer.extractor.name, *stylizer.parts.values()),
        },
    }


def _hash(style: Picture | EncodedStyle) -> str:
    if isinstance(style, Picture):
        return picture_hash(style)
    digest = hashlib.sha256()
    for name, value in sorted(style.tensors().items()):
        digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
