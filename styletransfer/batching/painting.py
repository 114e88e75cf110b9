"""Many pictures through one stylizer: styles encoded once, true batches of one size, results one by one."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from styletransfer._checks import choice, integer
from styletransfer.errors import ImageError, StyleTransferError
from styletransfer.images import Picture
from styletransfer.job import Fetch, build_stylizers
from styletransfer.memory import is_lack
from styletransfer.methods import METHODS
from styletransfer.request import as_picture
from styletransfer.stylizer import EncodedStyle, Stylization, Stylizer

#: Pictures of a batch, unless another number is given. On the processor one: a batch saves a tenth to a quarter of
#: the time at up to 256 pixels and costs time beyond (docs/batches.md), and rounds otherwise, so that files would
#: depend on where an earlier run was stopped.
_PICTURES = {"cpu": 1}
_PICTURES_ELSEWHERE = 8
#: Pixels of a batch at most; beyond this the processor's caches hold less of each picture.
_PIXELS = {"cpu": 1 << 18}
_PIXELS_ELSEWHERE = 1 << 22
#: Side of the pictures for which a request is tried before the work.
_TRIED = 512


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How pictures are made: all that another process needs to build the same `Painter`.

    Attributes:
        method: Its name.
        options: The method's, its parts and the controls.
        extractor: As for `create_stylizer`.
        device: The same.
        strength: Of all pictures: a number, or a map that is resized to each.
        preserve: Where contents are kept, or None.
        batch_size: Pictures that are painted at once, at most; if absent, one on the processor, else eight.
    """

    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    extractor: Any = None
    device: Any = None
    strength: Any = 1.0
    preserve: Any = None
    batch_size: int | None = None

    def check(self) -> None:
        """Refuse what no network is needed for.

        Raises:
            OptionError: An unknown method or option, or a value outside its range.
        """
        METHODS[choice(self.method, METHODS, "method")].configure(self.options)
        if self.batch_size is not None:
            integer(self.batch_size, "batch_size", low=1)

    def build(self, fetch: Fetch | None = None) -> Painter:
        """Build the stylizer; `fetch` is called for weights that have to be downloaded first.

        Raises:
            StyleTransferError: Options, weights or masks that cannot be used.
        """
        self.check()
        built = build_stylizers(
            [self.method],
            extractor=self.extractor,
            device=self.device,
            options={self.method: self.options},
            fetch=fetch,
        )
        return Painter(built[self.method], self)


class Painter:
    """A stylizer and what is asked of it for every picture.

    Args:
        stylizer: Who paints.
        recipe: What is asked.
    """

    def __init__(self, stylizer: Stylizer, recipe: Recipe) -> None:
        self.stylizer = stylizer
        self._declared = declared = METHODS.get(recipe.method, stylizer.declaration)
        self._asked: dict[str, Any] = {"strength": recipe.strength}
        if not isinstance(recipe.strength, (int, float)):
            self._asked["strength"] = as_picture(recipe.strength, "map of strength")
        if recipe.preserve is not None:
            masks = recipe.preserve if isinstance(recipe.preserve, (list, tuple)) else [recipe.preserve]
            self._asked["preserve"] = [as_picture(mask, "mask of what is preserved") for mask in masks]
        self._encodes = declared.encoded is not None and not stylizer.controls.sees_style
        self._device = stylizer.extractor.device.type
        self.largest = self._largest(recipe.batch_size)
        seen = [x for x in (self._asked["strength"], *self._asked.get("preserve", ())) if isinstance(x, Picture)]
        size = seen[0].rgb.shape[2:] if seen else (_TRIED, _TRIED)  # of another shape, a mask would be stretched
        stylizer.check(Picture(rgb=torch.zeros(1, 3, *size)), torch.zeros(1, 3, _TRIED, _TRIED), **self._asked)

    def _largest(self, wanted: int | None) -> int:
        """Return how many pictures are painted at once at most."""
        config, controls = self.stylizer.config, self.stylizer.controls
        measures = any(getattr(config, name, value) != value for name, value in self._declared.bare.items())
        # Iterative methods work on a batch one by one; losses of a batch are means.
        if self._declared.iterative or measures or controls.matches_distributions:
            return 1
        return _PICTURES.get(self._device, _PICTURES_ELSEWHERE) if wanted is None else wanted

    def encode(self, style: Picture | EncodedStyle) -> Picture | EncodedStyle:
        """Return a style as it is best kept for many contents: encoded, where that serves."""
        if isinstance(style, EncodedStyle) or not self._encodes:
            return style
        encoder: Any = self.stylizer
        encoded: EncodedStyle = encoder.encode_style(style)
        return encoded

    def room(self, content: Picture) -> int:
        """Return how many contents of this size are painted at once."""
        pixels = _PIXELS.get(self._device, _PIXELS_ELSEWHERE)
        return max(1, min(self.largest, pixels // (content.rgb.shape[2] * content.rgb.shape[3])))

    def kind(self, content: Picture, style: Picture | EncodedStyle) -> Hashable:
        """Return what all pictures of one batch share."""
        size = tuple(content.rgb.shape[2:])
        if isinstance(style, EncodedStyle):
            return size, style.extractor, style.extractor_sha256
        return size, id(style)

    def paint(
        self, contents: Sequence[Picture], styles: Sequence[Picture | EncodedStyle]
    ) -> list[Stylization | StyleTransferError]:
        """Paint pictures of one `kind`, each in its own style.

        Returns:
            For each its result, with the batch's seconds shared out; or why there is none: what goes wrong with a
            batch is tried again picture by picture, so that one does not take the others along.
        """
        try:
            return list(self._painted(contents, styles))
        except StyleTransferError as problem:
            if len(contents) == 1:
                return [problem]
        except (MemoryError, RuntimeError) as problem:
            if not is_lack(problem):
                raise
            if len(contents) == 1:
                height, width = contents[0].rgb.shape[2:]
                return [
                    ImageError(
                        f"There is not enough memory for {width}x{height} pixels; give a smaller long_edge."
                    )
                ]
        # Outside the handlers, which hold on to what could not be finished.
        return [self.paint([content], [style])[0] for content, style in zip(contents, styles, strict=True)]

    def _painted(
        self, contents: Sequence[Picture], styles: Sequence[Picture | EncodedStyle]
    ) -> Sequence[Stylization]:
        result = self.stylizer.stylize(_joined(contents), _stacked(styles), **self._asked)
        count, whole = len(contents), result.image
        return [
            dataclasses.replace(
                result,
                image=whole if count == 1 else whole[i : i + 1].clone(),
                content=content,
                alpha=content.alpha,
                styles=(style if isinstance(style, Picture) else None,),
                encoded_from=(style.path,) if isinstance(style, EncodedStyle) and style.path is not None else (),
                seconds=result.seconds / count,
            )
            for i, (content, style) in enumerate(zip(contents, styles, strict=True))
        ]


def _joined(contents: Sequence[Picture]) -> Picture:
    if len(contents) == 1:
        return contents[0]
    return Picture(rgb=torch.cat([content.rgb for content in contents]))


def _stacked(styles: Sequence[Picture | EncodedStyle]) -> Any:
    """Return what `Stylizer.stylize` takes as the style: one for all, or one for each."""
    if all(style is styles[0] for style in styles):
        return styles[0]
    encoded = [style for style in styles if isinstance(style, EncodedStyle)]
    return type(encoded[0]).stacked(encoded)
