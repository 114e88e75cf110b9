"""Make the sample pictures that the package carries: ``python docs/samples/draw.py`` writes all of them again.

``--only night --long-edge 1024 --seed 1 --output folder`` draws one picture larger, or with other details.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from painting import SAMPLES, paint

CARRIED = Path(__file__).parents[2] / "styletransfer" / "samples"


def save(image: Image.Image, path: Path) -> None:
    """Write a picture as the package carries it: all of them together have to stay below 600 KB."""
    image.save(path, "WEBP", quality=77, method=6)


def main() -> None:
    """Draw the pictures and tell their sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SAMPLES, action="append", help="draw this picture (may be repeated)")
    parser.add_argument("--long-edge", type=int, default=512)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=CARRIED, help="folder to write to")
    chosen = parser.parse_args()
    for name in chosen.only or SAMPLES:
        path = chosen.output / f"{name}.webp"
        save(paint(name, long_edge=chosen.long_edge, seed=chosen.seed), path)
        print(f"{path}: {path.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
