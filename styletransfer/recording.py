"""Records of runs for JSON, and pages for notebooks: what both kinds of results share."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import html
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styletransfer import images
from styletransfer._version import __version__
from styletransfer.images import Picture
from styletransfer.weights import catalogue, store

#: Longer side of a picture in a notebook, pixels.
_SHOWN_EDGE = 320


def run_record(result: Any) -> dict[str, Any]:
    """Return what it takes to repeat the run of a `Stylization`, and what came of it, ready for JSON."""
    return {
        "method": result.method,
        "extractor": result.extractor,
        "parts": dict(result.parts),
        "config": {f.name: plain(getattr(result.config, f.name)) for f in dataclasses.fields(result.config)},
        "controls": dataclasses.asdict(result.controls),
        "strength": plain(result.strength),
        "seconds": result.seconds,
        "stopped": result.stopped,
        "size": list(result.image.shape[2:]),
        "losses": dict(result.losses),
        "history": [
            {"step": s.step, "seconds": s.seconds, "size": list(s.size), **s.losses} for s in result.history
        ],
        "inputs": [path.name for path in result.inputs],
        "hashes": {
            "content": None if result.content is None else picture_hash(result.content),
            "styles": [None if style is None else picture_hash(style) for style in result.styles],
            "masks": [picture_hash(mask) for mask in result.masks],
            "encoded_styles": [store.sha256_of(file) for file in result.encoded_from if file.is_file()],
            "style_masks": [None if mask is None else picture_hash(mask) for mask in result.style_masks],
            "preserve": [picture_hash(mask) for mask in result.preserve],
            "weights": weight_hashes(result.extractor, *result.parts.values()),
        },
        "device": str(result.image.device),
        "threads": torch.get_num_threads(),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    return {"python": platform.python_version(), "torch": torch.__version__, "styletransfer": __version__}


def picture_hash(picture: Picture) -> str:
    """Return the SHA-256 of a picture file, or of the pixels (float32, RGB) where there is no file."""
    if picture.path is not None and picture.path.is_file():
        return store.sha256_of(picture.path)
    return hashlib.sha256(picture.rgb.detach().cpu().contiguous().numpy().tobytes()).hexdigest()


def weight_hashes(*names: str) -> dict[str, str | None]:
    """Return the SHA-256 of each weight set by name, or of the file if it is a path."""
    found: dict[str, str | None] = {}
    for name in names:
        if name in catalogue.CATALOGUE:
            found[name] = store.expected_sha256(catalogue.CATALOGUE[name])
        else:
            found[Path(name).name] = store.sha256_of(Path(name)) if Path(name).is_file() else None
    return found


def plain(value: Any) -> Any:
    """Turn an option's value into what JSON can hold."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, Tensor):
        return f"tensor {tuple(value.shape)}"
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


def html_page(pictures: Mapping[str, Tensor], runs: Mapping[str, tuple[float, Mapping[str, float]]]) -> str:
    """Return pictures side by side with seconds and losses under them, as a notebook shows them.

    Args:
        pictures: (B, 3, H, W) in [0, 1] by caption; the first of a batch is shown.
        runs: Seconds and losses by caption.
    """
    cells = []
    for caption, image in pictures.items():
        height, width = image.shape[2:]
        scale = min(1.0, _SHOWN_EDGE / max(height, width))
        small = images.resize(
            image[:1].detach().float(), (max(1, round(height * scale)), max(1, round(width * scale)))
        )
        data = base64.b64encode(images.encode_image(small, "picture.png")).decode()
        lines = [html.escape(caption)]
        if caption in runs:
            seconds, losses = runs[caption]
            lines += [f"{seconds:.2f} s", *(f"{html.escape(k)} {v:.4g}" for k, v in losses.items())]
        cells.append(
            f'<figure style="margin:4px"><img src="data:image/png;base64,{data}" alt="{html.escape(caption)}">'
            f"<figcaption>{'<br>'.join(lines)}</figcaption></figure>"
        )
    return f'<div style="display:flex;flex-wrap:wrap;align-items:flex-start">{"".join(cells)}</div>'
