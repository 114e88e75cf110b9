"""The checksum of a network's numbers, whatever file they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from torch import Tensor


def checksum(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 over names, shapes and numbers."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {tuple(tensors[name].shape)}".encode())
        digest.update(tensors[name].contiguous().numpy().data)
    return digest.hexdigest()
