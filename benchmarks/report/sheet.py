"""All strips of pictures on one sheet, for the Markdown report."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from benchmarks.report.parts import Picture, Strip
from benchmarks.results_file import ResultsError

#: Pixels: long edge of a picture, space between two, height of a line of text.
_EDGE, _GAP, _LINE = 160, 8, 15
#: Quality of the WebP file.
_QUALITY = 74


def draw(strips: Sequence[Strip]) -> bytes:
    """Return the sheet as WebP: a row for each strip, its captions below the pictures.

    Raises:
        ResultsError: A picture that is none.
    """
    columns = max(len(strip.pictures) for strip in strips)
    height = _EDGE + 3 * _LINE + _GAP
    sheet = Image.new("RGB", (columns * (_EDGE + _GAP) + _GAP, len(strips) * height + _GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for row, strip in enumerate(strips):
        for column, picture in enumerate(strip.pictures):
            left, top = _GAP + column * (_EDGE + _GAP), _GAP + row * height
            image = _opened(picture)
            sheet.paste(image, (left, top + _EDGE - image.height))
            for number, text in enumerate(picture.caption.split(", ")[:3]):
                pen.text((left, top + _EDGE + number * _LINE), text, fill="#1a1a1a", font=font)
    written = io.BytesIO()
    sheet.save(written, "WEBP", quality=_QUALITY)
    return written.getvalue()


def _opened(picture: Picture) -> Image.Image:
    try:
        with Image.open(io.BytesIO(base64.b64decode(picture.data, validate=True)), formats=["WEBP"]) as image:
            small = image.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ResultsError(
            f"The results hold a picture that cannot be read ({picture.caption}): {error}."
        ) from error
    small.thumbnail((_EDGE, _EDGE))
    return small
