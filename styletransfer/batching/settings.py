"""What decides how a picture looks, as plain values: the same values, the same picture of the same inputs."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from styletransfer import images
from styletransfer.batching.painting import Painter, Recipe
from styletransfer.batching.reading import Reading
from styletransfer.images import Picture
from styletransfer.recording import picture_hash, plain, weight_hashes
from styletransfer.weights.store import sha256_of


def settings_of(
    painter: Painter, recipe: Recipe, reading: Reading, suffix: str, quality: int | None
) -> dict[str, Any]:
    """Return everything that decides what a picture looks like, ready for JSON.

    Args:
        painter: Who paints.
        recipe: What is asked.
        reading: How inputs are read.
        suffix: Of the files.
        quality: Of JPEG and WebP.
    """
    stylizer = painter.stylizer
    fields = [field.name for field in dataclasses.fields(stylizer.config)]
    return {
        "method": stylizer.method,
        "config": {
            name: _value(getattr(stylizer.config, name))
            for name in fields
            if name not in stylizer.declaration.bare
        },
        "controls": dataclasses.asdict(stylizer.controls),
        "extractor": {"name": stylizer.extractor.name, "sha256": stylizer.extractor.sha256},
        "parts": weight_hashes(*stylizer.parts.values()),
        "strength": _value(recipe.strength),
        "preserve": _value(recipe.preserve),
        "reading": {k: v for k, v in dataclasses.asdict(reading).items() if k != "max_pixels"},
        "writing": {"format": suffix, "quality": quality},
    }


def _value(value: Any) -> Any:
    """Return an option's value for JSON; of a picture or file its hash."""
    if isinstance(value, (list, tuple)):
        return [_value(item) for item in value]
    if isinstance(value, Picture):
        return picture_hash(value)
    if isinstance(value, (str, os.PathLike)):
        with_file = isinstance(value, os.PathLike) or os.path.isfile(value)  # noqa: PTH113 - any text is allowed
        return sha256_of(Path(value)) if with_file else value
    if value is None or isinstance(value, (bool, int, float, Mapping)):
        return plain(value)
    return picture_hash(images.read_picture(value))
