"""Which content meets which style: all with all, one by one, or some at random for each. Free of torch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from styletransfer._checks import choice, integer
from styletransfer.errors import OptionError

if TYPE_CHECKING:
    from styletransfer.batching.sources import Source

PAIRINGS = ("product", "zip", "random")
#: Random numbers that are computed at once.
_AT_ONCE = 1 << 18


def check_pairing(pairing: str, styles_per_content: int | None, seed: int) -> int:
    """Return how many styles each content gets at random; 1 where nothing is drawn.

    Raises:
        OptionError: No such pairing, or a number that belongs to another one.
    """
    choice(pairing, PAIRINGS, "pairing")
    integer(seed, "seed", low=0)
    if styles_per_content is None:
        return 1
    if pairing != "random":
        raise OptionError(
            f'styles_per_content={styles_per_content} is for pairing="random", got {pairing!r}; '
            "leave it out, or choose random."
        )
    return integer(styles_per_content, "styles_per_content", low=1)


def pairs(
    contents: Sequence[Source],
    styles: Sequence[Source],
    pairing: str = "product",
    *,
    styles_per_content: int | None = None,
    seed: int = 0,
) -> Iterator[tuple[Source, Source]]:
    """Return the pairs, content by content.

    Args:
        contents: In their order.
        styles: The same.
        pairing: ``"product"``: every content in every style. ``"zip"``: the first content in the first style, and
            so on. ``"random"``: each content in some styles, drawn by the names of both and the seed alone: the
            order of files changes nothing, another content changes no other one's styles, and another style only
            those pairs in which it takes the place of one.
        styles_per_content: For random pairs; 1 if absent.
        seed: Of random pairs.

    Raises:
        OptionError: An unknown pairing, lists of different lengths to zip, fewer styles than a content is to get.

    Example:
        >>> from styletransfer.batching.sources import Source
        >>> photos = [Source(name, name) for name in ("a.jpg", "b.jpg")]
        >>> drawn = [Source(name, name) for name in ("mosaic", "night")]
        >>> [(content.stem, style.name) for content, style in pairs(photos, drawn)]
        [('a', 'mosaic'), ('a', 'night'), ('b', 'mosaic'), ('b', 'night')]
    """
    count = check_pairing(pairing, styles_per_content, seed)
    if pairing == "zip":
        if len(contents) != len(styles):
            raise OptionError(
                f"To zip, there must be one style for each content: got {len(contents)} content(s) and "
                f"{len(styles)} style(s). Add what is missing, or choose product or random."
            )
        return iter(dict.fromkeys(zip(contents, styles, strict=True)))
    contents, styles = list(dict.fromkeys(contents)), list(dict.fromkeys(styles))
    if pairing == "product":
        return ((content, style) for content in contents for style in styles)
    if count > len(styles):
        raise OptionError(
            f"styles_per_content={count}, but there are only {len(styles)} style(s); give fewer, or more styles."
        )
    return _drawn(contents, styles, count, seed)


def _drawn(
    contents: Sequence[Source], styles: Sequence[Source], count: int, seed: int
) -> Iterator[tuple[Source, Source]]:
    """Let each content take the styles that score highest with it (rendezvous hashing)."""
    ours, theirs = _hashes(contents, f"content {seed} "), _hashes(styles, f"style {seed} ")
    rows = max(1, _AT_ONCE // len(styles))
    for top in range(0, len(contents), rows):
        scores = _scrambled(ours[top : top + rows, None] ^ theirs)  # (contents, styles)
        if count == 1:
            best = scores.argmax(axis=1)[:, None]
        else:
            best = np.argpartition(scores, len(styles) - count, axis=1)[:, len(styles) - count :]
        for content, own, row in zip(contents[top : top + rows], best, scores, strict=False):
            for place in sorted(own.tolist(), key=lambda place: int(row[place]), reverse=True):
                yield content, styles[place]


def _hashes(sources: Sequence[Source], salt: str) -> Any:
    """Return 64 bits of each name."""
    data = b"".join(
        hashlib.blake2b((salt + source.name).encode(errors="surrogateescape"), digest_size=8).digest()
        for source in sources
    )
    return np.frombuffer(data, dtype="<u8")


def _scrambled(x: Any) -> Any:
    """Return well-mixed numbers: the finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014, figure 14)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x ^= x >> np.uint64(shift)
        x *= np.uint64(factor)
    return x ^ (x >> np.uint64(31))
