"""What commands read: the pictures, and what is drawn over them: masks, labels, maps of strength."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from styletransfer._checks import number
from styletransfer.cli.options import ParamType
from styletransfer.cli.shared import chosen_edge, remember_edge
from styletransfer.cli.streams import read_bytes
from styletransfer.errors import OptionError

if TYPE_CHECKING:
    from styletransfer.images import Picture
    from styletransfer.stylizer import EncodedStyle

Command = TypeVar("Command", bound=Callable[..., Any])

#: Stands for a style mask that leaves the whole style.
_ALL = "all"
#: Names of the `region_options`.
_REGIONS = ("strength", "masks", "labels", "style_masks", "preserve")


class _Strength(ParamType):
    """A number, or the file of a map."""

    name = "0-1|FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a float where the text is one."""
        try:
            return float(value)
        except ValueError:
            return value


def strength_options(command: Command) -> Command:
    """Add how much of the style is wanted, and where the content is kept."""
    for add in (
        click.option(
            "--preserve",
            multiple=True,
            type=click.Path(),
            metavar="FILE",
            help="Grey picture, white where the content is kept; can be repeated.",
        ),
        click.option(
            "--strength",
            type=_Strength(),
            default=1.0,
            metavar="0-1|FILE",
            help="Share of the style; or a grey picture, white where it is wanted in full.  [default: 1]",
        ),
    ):
        command = add(command)
    return command


def region_options(command: Command) -> Command:
    """Add where styles belong, and how much of them is wanted."""
    for add in (
        strength_options,
        click.option(
            "--style-mask",
            "style_masks",
            multiple=True,
            type=click.Path(),
            metavar="FILE",
            help="Grey picture, white over the part of the style that is looked at; once for each STYLE, in their "
            f'order, "{_ALL}" for all of one.',
        ),
        click.option(
            "--labels",
            type=click.Path(),
            metavar="FILE",
            help="One picture in place of masks, with a flat colour for each STYLE, in the order of an indexed "
            "picture's numbers or else from dark to bright; 0 or black keeps the content.",
        ),
        click.option(
            "--mask",
            "masks",
            multiple=True,
            type=click.Path(),
            metavar="FILE",
            help="Grey picture, white where the style belongs; once for each STYLE, in their order. What no mask "
            "covers keeps the content.",
        ),
    ):
        command = add(command)
    return command


def split_off_regions(given: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Take the options of `strength_options` or `region_options` out of what was given.

    Returns:
        What `Stylizer.stylize` is asked, with labels still a file's name, and the files that are read.

    Raises:
        OptionError: Masks and labels.
    """
    asked = {name: given.pop(name) for name in _REGIONS if name in given}
    if isinstance(asked["strength"], float):
        number(asked["strength"], "strength", low=0.0, high=1.0)
    if asked.get("masks") and asked.get("labels"):
        raise OptionError("--mask and --labels both say where styles belong; give one of them.")
    style_masks = [None if name == _ALL else name for name in asked.get("style_masks", ())]
    files = [name for name in (*asked.get("masks", ()), *style_masks, *asked.get("preserve", ())) if name]
    files += [value for value in (asked.get("labels"), asked["strength"]) if isinstance(value, str)]
    wanted = {
        "strength": asked["strength"],
        "masks": asked.get("masks") or asked.get("labels"),
        "style_masks": style_masks,
        "preserve": asked["preserve"],
    }
    return {name: value for name, value in wanted.items() if value not in ((), [], None)}, files


def style_files(styles: Sequence[str]) -> list[str]:
    """Return the files that styles are read from, which must not be overwritten."""
    from styletransfer.codes import files_of

    return files_of(styles)


def read_regions(asked: Mapping[str, Any], count: int) -> dict[str, Any]:
    """Read the labels of so many styles; everything else is read where it is used."""
    from styletransfer.masking import split_labels

    masks = asked.get("masks")
    return {**asked, "masks": split_labels(masks, count)} if isinstance(masks, str) else dict(asked)


def read_pictures(
    content: str, styles: Sequence[str], reading: Mapping[str, Any], *, quiet: bool
) -> tuple[Picture, list[Picture | EncodedStyle]]:
    """Read the inputs, ``"-"`` from standard input, and say if the content was made smaller."""
    if [content, *styles].count("-") > 1:
        raise OptionError('"-" stands for standard input, which holds one picture, and was given more than once.')

    from styletransfer import images, samples
    from styletransfer.job import read_style

    limits: dict[str, Any] = {"long_edge": chosen_edge(reading["long_edge"], reading["full_size"])}
    if reading["max_pixels"] is not None:
        limits["max_pixels"] = reading["max_pixels"]

    def opened(name: str) -> Any:
        return read_bytes() if name == "-" else name

    picture = images.read_picture(
        samples.find(content) or opened(content), what="content", frame=reading["frame"], **limits
    )
    remember_edge(max(picture.rgb.shape[2:]))
    if not quiet:
        _tell_reduction(picture)
    return picture, [read_style(opened(style), frame=reading["style_frame"], **limits) for style in styles]


def _tell_reduction(picture: Picture) -> None:
    before, after = (max(size) for size in (picture.source_size or (0, 0), picture.rgb.shape[2:]))
    if after < before:
        click.echo(
            f"The content's long edge was reduced from {before} to {after} pixels: {size_text(picture)}. "
            "--full-size keeps it, --long-edge chooses another.",
            err=True,
        )


def size_text(picture: Picture) -> str:
    """Return ``"512x384"``: width and height, as people say it."""
    height, width = picture.rgb.shape[2:]
    return f"{width}x{height}"
