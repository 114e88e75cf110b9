"""One photograph in many styles, and in what lies between styles: made by one stylizer, shown on one sheet."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from PIL.Image import Image as PilImage

from styletransfer import images
from styletransfer._checks import integer
from styletransfer.errors import ImageError, OptionError, SheetInterrupted
from styletransfer.files import folder_files, new_folder, write_contents
from styletransfer.images import ImageSource, Picture
from styletransfer.job import Job, prepare
from styletransfer.methods import DEFAULT_METHOD, METHODS
from styletransfer.stylizer import EncodedStyle, Masks, Strength, Stylization

#: Called with the number of pictures that are done, and of all.
OnPicture = Callable[[int, int], None]
#: Row and column, from 0.
Place = tuple[int, int]
#: Pixels between pictures, and the height of a line of text.
_GAP, _LINE = 8, 22
#: Share of a picture's height that content and styles have in the first row.
_HEADER = 0.5
_MOST = 15


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """A picture of a sheet.

    Attributes:
        place: Its row and column, from 0.
        title: What stands above it.
        shares: The share of each of the sheet's styles.
        result: How it was made.
    """

    place: Place
    title: str
    shares: tuple[float, ...]
    result: Stylization


@dataclass(frozen=True, kw_only=True, eq=False)
class Sheet:
    """Pictures of one content, in rows and columns.

    Attributes:
        content: At the working size.
        styles: The same; an encoded style is None.
        names: Of the styles.
        cells: Row by row.
    """

    content: Picture
    styles: tuple[Picture | None, ...]
    names: tuple[str, ...]
    cells: tuple[Cell, ...]

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Files that were read, which are never overwritten."""
        pictures = (self.content, *self.styles)
        return tuple(picture.path for picture in pictures if picture is not None and picture.path is not None)

    def to_pil(self) -> PilImage:
        """Return the sheet: content and styles in a first row, then the pictures with their titles."""
        height, width = self.content.rgb.shape[2:]
        rows, columns = (1 + max(cell.place[side] for cell in self.cells) for side in (0, 1))
        small = max(1, round(height * _HEADER))
        inputs = [("content", self.content), *zip(self.names, self.styles, strict=True)]
        thumbnails = [(name, _thumbnail(picture, small)) for name, picture in inputs if picture is not None]
        across = _GAP + sum(thumbnail.width + _GAP for _, thumbnail in thumbnails)
        size = (
            max(_GAP + columns * (width + _GAP), across),
            small + _LINE + 2 * _GAP + rows * (height + _LINE + _GAP),
        )
        sheet = Image.new("RGB", size, "white")
        place = _GAP
        for name, thumbnail in thumbnails:
            _paste(sheet, thumbnail, name, place, _GAP)
            place += thumbnail.width + _GAP
        for cell in self.cells:
            row, column = cell.place
            left = _GAP + column * (width + _GAP)
            top = small + _LINE + 2 * _GAP + row * (height + _LINE + _GAP)
            _paste(sheet, cell.result.to_pil().convert("RGB"), cell.title, left, top)
        return sheet

    def save(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write sheet.png, sheet.json (the record) and each picture as ROW-COLUMN.png; all of them or none.

        Args:
            folder: Where to; made if only its last part is missing. Earlier results in it are replaced.

        Raises:
            OutputError: A folder that cannot be made or written to, or a file in the way that was an input.
        """
        files = output_files(folder, [cell.place for cell in self.cells], protected=self.inputs)
        contents = [
            images.encode_image(self.to_pil(), "sheet.png"),
            (json.dumps(self.record(), indent=2) + "\n").encode(),
            *(images.encode_image(cell.result.image, "cell.png", alpha=cell.result.alpha) for cell in self.cells),
        ]
        with new_folder(folder):
            return write_contents(dict(zip(files, contents, strict=True)))

    def record(self) -> dict[str, Any]:
        """Return what it takes to repeat it, ready for JSON."""
        return {
            "styles": list(self.names),
            "pictures": [
                {"place": list(cell.place), "shares": list(cell.shares), **cell.result.record()}
                for cell in self.cells
            ],
        }


def contact_sheet(
    content: ImageSource | Picture,
    styles: Sequence[Any],
    method: str = DEFAULT_METHOD,
    *,
    columns: int | None = None,
    strength: Strength = 1.0,
    preserve: Masks | None = None,
    on_picture: OnPicture | None = None,
    options: Any = None,
    **working: Any,
) -> Sheet:
    """Paint one content in each of several styles.

    Args:
        content: Path, PIL image, array or tensor.
        styles: The same each, or the name of a drawn style (`samples.list_styles`).
        method: See `list_stylizers`.
        columns: Pictures in a row; by default as many as make the sheet about square.
        strength: See `stylize`.
        preserve: See `stylize`.
        on_picture: Called after each picture.
        options: The method's, by name.
        **working: ``extractor``, ``device``, ``long_edge``, ``short_edge``: see `stylize`.

    Raises:
        StyleTransferError: Bad input, before any work.
        SheetInterrupted: Ctrl-C after at least one picture; carries the sheet so far.

    Example:
        >>> from styletransfer import samples
        >>> sheet = contact_sheet(samples.draw("valley", long_edge=64), ["mosaic", "night"], long_edge=64)
        >>> [cell.title for cell in sheet.cells]
        ['mosaic', 'night']
    """
    job, names = _prepared(content, styles, method, options, working)
    count = len(names)
    shares = [tuple(float(number == own) for own in range(count)) for number in range(count)]
    grid = list(zip(places(count, columns), names, shares, strict=True))
    asked = {"strength": strength, "preserve": preserve}
    return _painted(job, method, names, grid, on_picture, asked)


def interpolate(
    content: ImageSource | Picture,
    styles: Sequence[Any],
    method: str = DEFAULT_METHOD,
    *,
    per_side: int = 5,
    strength: Strength = 1.0,
    preserve: Masks | None = None,
    on_picture: OnPicture | None = None,
    options: Any = None,
    **working: Any,
) -> Sheet:
    """Paint one content in mixtures of two to four styles (Huang and Belongie 2017, equation 15).

    Two styles make a row, three a triangle with one style at each corner, four a square.

    Args:
        content: Path, PIL image, array or tensor.
        styles: Two to four; the same each, or the name of a drawn style.
        method: One that mixes styles.
        per_side: Pictures along a side, 2 to 15.
        strength: See `stylize`.
        preserve: See `stylize`.
        on_picture: Called after each picture.
        options: The method's, by name, without ``style_mix``.
        **working: See `contact_sheet`.

    Raises:
        StyleTransferError: Bad input, before any work.
        SheetInterrupted: Ctrl-C after at least one picture; carries the sheet so far.

    Example:
        >>> from styletransfer import samples
        >>> photo = samples.draw("valley", long_edge=64)
        >>> sheet = interpolate(photo, ["mosaic", "night"], per_side=3, long_edge=64)
        >>> [cell.shares for cell in sheet.cells]
        [(1.0, 0.0), (0.5, 0.5), (0.0, 1.0)]
    """
    check_mixtures(len(styles), per_side)
    if "style_mix" in (options or {}):
        raise OptionError("interpolate chooses style_mix itself; leave it out, or use stylize for one mixture.")
    job, names = _prepared(content, styles, method, options, working)
    if "style_mix" not in METHODS[method].option_names:
        raise OptionError(f"Method {method!r} does not mix styles; contact_sheet paints each by itself.")
    grid = [(place, _title(names, shares), shares) for place, shares in mixtures(len(names), per_side)]
    asked = {"strength": strength, "preserve": preserve}
    return _painted(job, method, names, grid, on_picture, asked)


def check_mixtures(styles: int, per_side: int) -> None:
    """Check how many styles and pictures `interpolate` is asked for.

    Raises:
        OptionError: Too few or too many.
    """
    integer(per_side, "per_side", low=2, high=_MOST)
    if not 2 <= styles <= 4:
        raise OptionError(f"interpolate takes two to four styles, got {styles}; a contact sheet takes any number.")


def places(count: int, columns: int | None = None) -> list[Place]:
    """Return where so many pictures stand, by default about as many in a row as there are rows.

    Example:
        >>> places(3)
        [(0, 0), (0, 1), (1, 0)]
    """
    square = next(n for n in range(1, count + 1) if n * n >= count)
    wide = square if columns is None else integer(columns, "columns", low=1)
    return [(number // wide, number % wide) for number in range(count)]


def mixtures(styles: int, per_side: int) -> list[tuple[Place, tuple[float, ...]]]:
    """Return ``((row, column), shares)`` of a row, triangle or square of mixtures.

    Example:
        >>> mixtures(3, 2)
        [((0, 0), (1.0, 0.0, 0.0)), ((1, 0), (0.0, 1.0, 0.0)), ((1, 1), (0.0, 0.0, 1.0))]
    """
    last = per_side - 1
    if styles == 2:
        return [((0, n), (1 - n / last, n / last)) for n in range(per_side)]
    if styles == 3:
        return [
            ((row, column), (1 - row / last, (row - column) / last, column / last))
            for row in range(per_side)
            for column in range(row + 1)
        ]
    square: list[tuple[Place, tuple[float, ...]]] = []
    for row in range(per_side):
        for column in range(per_side):
            down, across = row / last, column / last
            corners = ((1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across)
            square.append(((row, column), corners))
    return square


def output_files(
    folder: str | os.PathLike[str], cells: Sequence[Place], *, protected: Sequence[str | os.PathLike[str]] = ()
) -> list[Path]:
    """Return the files that `Sheet.save` will write; finds out before the work whether it can.

    Args:
        folder: Where to.
        cells: Rows and columns of the pictures.
        protected: Input files, which must not be overwritten.

    Raises:
        OutputError: A folder that cannot be made or written to, or an input file in the way.
    """
    names = ["sheet.png", "sheet.json", *(f"{row + 1}-{column + 1}.png" for row, column in cells)]
    return folder_files(folder, names, protected=protected)


def _prepared(
    content: Any, styles: Sequence[Any], method: str, options: Any, working: Any
) -> tuple[Job, tuple[str, ...]]:
    if not isinstance(styles, (list, tuple)):
        raise OptionError(f"styles is a list of styles, got a {type(styles).__name__}.")
    if not styles:
        raise OptionError("At least one style is needed, got none.")
    job = prepare(content, list(styles), [method], options={method: dict(options or {})}, **working)
    if job.content.rgb.shape[0] != 1:
        raise ImageError(
            f"A sheet is of one content, got a batch of {job.content.rgb.shape[0]}; give one picture."
        )
    return job, tuple(_name(style, number) for number, style in enumerate(job.styles, start=1))


def _name(style: Picture | EncodedStyle, number: int) -> str:
    if isinstance(style, EncodedStyle) and style.name is not None:
        return style.name
    return f"style {number}" if style.path is None else style.path.stem


def _painted(
    job: Job,
    method: str,
    names: tuple[str, ...],
    grid: list[tuple[Place, str, tuple[float, ...]]],
    on_picture: OnPicture | None,
    asked: Mapping[str, Any],
) -> Sheet:
    stylizer = job.stylizers[method]
    pictures = tuple(style if isinstance(style, Picture) else None for style in job.styles)
    cells: list[Cell] = []

    def sheet() -> Sheet:
        return Sheet(content=job.content, styles=pictures, names=names, cells=tuple(cells))

    try:
        for place, title, shares in grid:
            used = [(source, share) for source, share in zip(job.styles, shares, strict=True) if share > 0]
            own = copy.copy(stylizer)
            if len(used) > 1:
                own.config = own.config.replaced(style_mix=tuple(share for _, share in used))
            result = own.stylize(job.content, [source for source, _ in used], **asked)
            cells.append(Cell(place=place, title=title, shares=shares, result=result))
            if on_picture is not None:
                on_picture(len(cells), len(grid))
    except KeyboardInterrupt:
        if not cells:
            raise KeyboardInterrupt from None
        raise SheetInterrupted(
            f"Interrupted after {len(cells)} of {len(grid)} pictures; they are kept on this exception as .sheet.",
            sheet=sheet(),
        ) from None
    return sheet()


def _title(names: Sequence[str], shares: Sequence[float]) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in zip(names, shares, strict=True) if share > 0)


def _thumbnail(picture: Picture, height: int) -> PilImage:
    own_height, own_width = picture.rgb.shape[2:]
    width = max(1, round(own_width * height / own_height))
    return images.to_pil(images.resize(picture.rgb, (height, width)))


def _paste(sheet: PilImage, picture: PilImage, title: str, left: int, top: int) -> None:
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    while title and draw.textlength(title, font=font) > picture.width:
        title = title[:-2].rstrip(" ,") + "\N{HORIZONTAL ELLIPSIS}" if len(title) > 2 else ""
    draw.text((left, top), title, fill="#1a1a1a", font=font)
    sheet.paste(picture, (left, top + _LINE))
