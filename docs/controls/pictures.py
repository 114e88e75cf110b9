"""Make the pictures of docs/controls: each cell is a command of the package on sample pictures.

Run from the repository's root: ``python docs/controls/pictures.py [NAME...]``. All of them take about ten minutes
on two processor cores.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from styletransfer import functional, images, samples
from styletransfer.cli import main

HERE = Path(__file__).resolve().parent
#: Longer side of the pictures, and the commands' beginning.
EDGE = 256
LINE = 20

#: A title and the arguments of `styletransfer stylize`, or the name of a file in the working folder.
Cell = tuple[str, str]

BOTH = ("adain", "gatys")


def in_both(content: str, styles: str, cells: Sequence[tuple[str, str]]) -> list[list[Cell]]:
    """Return a row of cells for each method."""
    return [
        [(f"{method}: {title}", f"{content}.png {styles} -m {method} {options}") for title, options in cells]
        for method in BOTH
    ]


PICTURES: dict[str, list[list[Cell]]] = {
    "strength": in_both(
        "harbour",
        "night",
        [(share, f"--strength {share}") for share in ("0", "0.25", "0.5", "0.75", "1")]
        + [("a map, left to right", "--strength ramp.png")],
    ),
    "color": [
        [("content", "harbour.png"), ("style", "night.png"), ("colour alone", "colour.png")],
        *in_both(
            "harbour",
            "night",
            [
                ("plain", ""),
                ("luminance", "--preserve-color luminance"),
                ("linear", "--preserve-color linear"),
                ("histogram", "--preserve-color histogram"),
                ("match histogram: style", "--match-histogram style"),
            ],
        ),
    ],
    "space": [
        [("content", "harbour.png"), ("mask 1", "sky.png"), ("mask 2", "ground.png"), ("labels", "labels.png")],
        [
            ("style 1", "night.png"),
            ("style 2", "mosaic.png"),
            ("preserved", "disc.png"),
            ("style mask", "water.png"),
        ],
        *in_both(
            "harbour",
            "night",
            [
                ("two styles", "mosaic --mask sky.png --mask ground.png --feather 8"),
                ("labels", "mosaic --labels labels.png --feather 8"),
                ("preserve", "--preserve disc.png --feather 24"),
                ("style mask", "--style-mask water.png"),
            ],
        ),
    ],
    "strokes": in_both(
        "valley",
        "night",
        [(f"style_scale {scale}", f"--style-scale {scale}") for scale in ("0.5", "1", "2")],
    ),
    "detail": in_both(
        "valley",
        "watercolour",
        [
            ("plain", ""),
            ("detail 0.5", "--detail 0.5"),
            ("detail 1", "--detail 1"),
        ],
    ),
}


def draw_inputs() -> None:
    """Write the samples and what is drawn over them into the working folder."""
    for name in ("harbour", "valley", "night", "mosaic"):
        samples.draw(name, long_edge=EDGE).save(f"{name}.png")
    width, height = Image.open("harbour.png").size
    horizon = round(0.55 * height)

    def rectangles(mode: str, *areas: tuple[tuple[int, int, int, int], int]) -> Image.Image:
        picture = Image.new(mode, (width, height), 0)
        for box, value in areas:
            ImageDraw.Draw(picture).rectangle(box, fill=value)
        return picture

    sky, ground = (0, 0, width, horizon - 1), (0, horizon, width, height)
    rectangles("L", (sky, 255)).save("sky.png")
    rectangles("L", (ground, 255)).save("ground.png")
    labels = rectangles("P", ((0, 0, width // 3, height), 1), ((2 * width // 3, 0, width, height), 2))
    labels.putpalette([0, 0, 0, 220, 60, 40, 60, 160, 220])
    labels.save("labels.png")
    disc = Image.new("L", (width, height), 0)
    ImageDraw.Draw(disc).ellipse((width // 3, height // 4, 2 * width // 3, 3 * height // 4), fill=255)
    disc.save("disc.png")
    Image.linear_gradient("L").rotate(90).resize((width, height)).save("ramp.png")
    lower = Image.new("L", Image.open("night.png").size, 0)
    ImageDraw.Draw(lower).rectangle((0, lower.height * 2 // 3, lower.width, lower.height), fill=255)
    lower.save("water.png")
    content, style = (images.load_image(f"{name}.png") for name in ("harbour", "night"))
    images.save_image(functional.match_color(content, style), "colour.png")


def picture_of(source: str) -> Image.Image:
    """Return a file, or what a command makes."""
    if Path(source).is_file():
        return Image.open(source).convert("RGB")
    print("styletransfer stylize", source, flush=True)
    main(
        ["stylize", *shlex.split(source), "--long-edge", str(EDGE), "-q", "-o", "made.png"], standalone_mode=False
    )
    return Image.open("made.png").convert("RGB")


def sheet(rows: list[list[Cell]]) -> Image.Image:
    """Put pictures into rows, each under its title."""
    made = [[(title, picture_of(source)) for title, source in row] for row in rows]
    width, height = made[-1][0][1].size
    columns = max(map(len, made))
    page = Image.new("RGB", (columns * (width + 6) - 6, len(made) * (height + LINE + 6) - 6), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(14)
    for row, cells in enumerate(made):
        for column, (title, picture) in enumerate(cells):
            left, top = column * (width + 6), row * (height + LINE + 6)
            pen.text((left, top), title, fill="#1a1a1a", font=font)
            picture.thumbnail((width, height))
            page.paste(picture, (left, top + LINE))
    return page


if __name__ == "__main__":
    import os

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        draw_inputs()
        for chosen in sys.argv[1:] or PICTURES:
            sheet(PICTURES[chosen]).save(HERE / f"{chosen}.jpg", quality=82)
