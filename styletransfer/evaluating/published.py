"""Rows that papers published for a named set: for orientation, never beside the judge's figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

__all__ = ["PUBLISHED", "published_lines"]

#: By set; ArtFID, FID, LPIPS and CFSD of each method. The first four rows of StyleID's set are from its paper
#: (Chung, Hyun and Heo, CVPR 2024), the last two from the papers of those methods.
PUBLISHED: Mapping[str, Mapping[str, tuple[float | None, ...]]] = {
    "styleid": {
        "AdaIN": (30.933, 18.242, 0.608, 0.315),
        "StyTR2": (30.720, 18.890, 0.545, 0.301),
        "AesPA-Net": (31.420, 19.760, 0.514, 0.246),
        "StyleID": (28.801, 18.131, 0.505, 0.228),
        "AttenST": (28.693, 18.559, 0.467, None),
        "Scheduled Style Injection (2026)": (26.976, 16.124, 0.575, 0.297),
    }
}


def published_lines(name: str) -> Iterator[str]:
    """Return the published rows of a set as lines of text; none for a set that nobody published."""
    if name not in PUBLISHED:
        return
    yield "Published by others with ArtFID/FID/LPIPS; not comparable with the judge's figures; for orientation:"
    yield ""
    yield "| published for this set | ArtFID | FID | LPIPS | CFSD |"
    yield "|---|---:|---:|---:|---:|"
    for method, figures in PUBLISHED[name].items():
        cells = ("-" if figure is None else f"{figure:.3f}" for figure in figures)
        yield f"| {method} | {' | '.join(cells)} |"
    yield ""
    yield (
        "Lower is better in all four. Never compare across protocols: papers give between 12 and 32 as the "
        "ArtFID of one and the same method. The FID of 800 pictures is biased upwards, and its 800 styles are 40, "
        "each repeated 20 times."
    )
