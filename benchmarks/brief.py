"""Options that make a method brief, where what matters is that it runs and not what comes out."""

from __future__ import annotations

import dataclasses
from typing import Any

from styletransfer.methods import METHODS


def brief(method: str) -> dict[str, Any]:
    """Return two steps at full size, for methods that know steps."""
    return supported(method, {"steps": 2, "scales": (1.0,)})


def supported(method: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return those of `options` that the method has."""
    names = {field.name for field in dataclasses.fields(METHODS[method].config_type)}
    return {name: value for name, value in options.items() if name in names}
