"""Keeping the memory of tensors that are no longer used, instead of giving it back and asking for it again.

The C library of Linux maps a large tensor when it is made and unmaps it when it is freed, so each is filled with
zeros, page by page, again and again: a quarter of AdaIN's time at 512 pixels and more at larger sizes.
"""

from __future__ import annotations

import contextlib
import ctypes
import os

#: Parameters of glibc's mallopt, from malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -3, -4, -8
#: Bytes from which a tensor is still mapped: one of this size is worth giving back.
_LARGEST_KEPT = 1 << 30
_NEVER = -1


def keep_freed_memory() -> bool:
    """Let this process keep the memory of freed tensors for the next ones.

    It takes effect for what is allocated from then on, so call it first. The command line does. Freed memory stays
    with the process: its size in the system's eyes stays at the highest that it has had. Nothing happens where
    another allocator works (macOS, Windows, musl, jemalloc or tcmalloc by ``LD_PRELOAD``), nor where the
    environment already tunes glibc's (``MALLOC_...``, ``GLIBC_TUNABLES``).

    Returns:
        Whether it took effect.

    Example:
        >>> keep_freed_memory() in (True, False)
        True
    """
    if not _is_glibc() or _chosen_by_user():
        return False
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        # Before 2.35, glibc takes no threshold beyond 32 MiB, but can be forbidden to map at all.
        kept = mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT) or mallopt(_MMAP_MAX, 0)
        # One arena: those of other threads could not hold a large tensor, nor use what the first one has kept.
        return bool(kept and mallopt(_TRIM_THRESHOLD, _NEVER) and mallopt(_ARENA_MAX, 1))
    return False


def _is_glibc() -> bool:
    try:
        return "glibc" in (os.confstr("CS_GNU_LIBC_VERSION") or "")
    except (AttributeError, OSError, ValueError):  # Windows; other C libraries know no such name
        return False


def _chosen_by_user() -> bool:
    """Whether the environment has settings for glibc's allocator, or another allocator in its place."""
    tuned = any(name.startswith("MALLOC_") for name in os.environ)
    tuned = tuned or "glibc.malloc." in os.environ.get("GLIBC_TUNABLES", "")
    return tuned or "malloc" in os.environ.get("LD_PRELOAD", "")
