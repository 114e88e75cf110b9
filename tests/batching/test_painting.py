from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from styletransfer import samples
from styletransfer.batching.painting import Painter, Recipe
from styletransfer.errors import DivergenceError, ImageError, OptionError
from styletransfer.images import Picture, read_picture
from styletransfer.methods import METHODS, create_stylizer
from styletransfer.stylizer import EncodedStyle, Stylization

pytestmark = pytest.mark.usefixtures("one_thread")
QUICK = {"decoder": "fast", "measure": False}


def painter(**options: object) -> Painter:
    return Recipe(method="adain", options={**QUICK, **options}, device="cpu", batch_size=8).build()


def drawing(name: str = "valley", edge: int = 32) -> Picture:
    return read_picture(samples.draw(name, long_edge=edge))


def test_styles_are_encoded_where_that_serves() -> None:
    assert isinstance(painter().encode(drawing("night")), EncodedStyle)
    assert isinstance(painter(style_scale=2.0).encode(drawing("night")), Picture)
    encoded = painter().encode(drawing("night"))
    assert painter().encode(encoded) is encoded


def test_losses_are_measured_picture_by_picture() -> None:
    assert painter().room(drawing()) == 8
    assert painter(measure=True).room(drawing()) == 1


def test_colours_that_are_matched_by_rank_are_painted_one_by_one() -> None:
    assert painter(match_histogram="content").room(drawing()) == 1
    assert painter(preserve_color="linear").room(drawing()) == 8


def test_the_processor_paints_one_by_one_unless_told() -> None:
    assert Recipe(method="adain", options=QUICK, device="cpu").build().room(drawing()) == 1


def test_iterative_methods_paint_one_by_one() -> None:
    for name, method in METHODS.items():
        if method.iterative:
            assert (
                Recipe(method=name, options=method.brief, device="cpu", batch_size=8).build().room(drawing()) == 1
            )


def test_large_pictures_are_painted_one_by_one() -> None:
    assert painter().room(Picture(rgb=torch.zeros(1, 3, 512, 512))) == 1


def test_styles_of_other_weights_are_no_batch_of_ours() -> None:
    ours = painter()
    style = ours.encode(drawing("night"))
    assert isinstance(style, EncodedStyle)
    other = dataclasses.replace(style, extractor_sha256="0" * 64)  # type: ignore[type-var]
    assert ours.kind(drawing(), style) == ours.kind(drawing("harbour"), ours.encode(drawing("mosaic")))
    assert ours.kind(drawing(), style) != ours.kind(drawing(), other)
    (refused,) = ours.paint([drawing()], [other])
    assert isinstance(refused, OptionError)


def test_one_bad_picture_does_not_take_the_batch_along(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, black = painter(), dataclasses.replace(drawing(), rgb=torch.zeros(1, 3, 24, 32))
    real = ours.stylizer.stylize

    def refusing(content: Picture, *args: Any, **options: Any) -> Stylization:
        if not content.rgb.flatten(1).any(dim=1).all():
            raise DivergenceError("a black picture", term="picture")
        return real(content, *args, **options)

    monkeypatch.setattr(ours.stylizer, "stylize", refusing)
    style = ours.encode(drawing("night"))
    first, second, third = ours.paint([drawing(), black, drawing("harbour")], [style] * 3)
    assert isinstance(second, DivergenceError)
    assert isinstance(first, Stylization)
    assert isinstance(third, Stylization)
    alone = create_stylizer("adain", device="cpu", **QUICK).stylize(drawing("harbour"), drawing("night"))
    torch.testing.assert_close(third.image, alone.image, rtol=0, atol=1e-5)


def test_a_lack_of_memory_is_that_of_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = painter()

    def lacking(*_: object, **__: object) -> Stylization:
        raise MemoryError

    monkeypatch.setattr(ours.stylizer, "stylize", lacking)
    (told,) = ours.paint([drawing()], [drawing("night")])
    assert isinstance(told, ImageError)
    assert str(told) == "There is not enough memory for 32x24 pixels; give a smaller long_edge."


def test_other_faults_pass_through(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = painter()

    def broken(*_: object, **__: object) -> Stylization:
        raise RuntimeError("a mistake in a method")

    monkeypatch.setattr(ours.stylizer, "stylize", broken)
    with pytest.raises(RuntimeError, match="a mistake in a method"):
        ours.paint([drawing()] * 2, [drawing("night")] * 2)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (Recipe(method="adian"), 'Did you mean "adain"'),
        (Recipe(method="adain", options={"alhpa": 1}), "no option 'alhpa'"),
        (Recipe(method="adain", batch_size=0), "batch_size must be a whole number of at least 1"),
    ],
)
def test_bad_recipes_are_refused_before_anything_is_loaded(recipe: Recipe, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        recipe.check()
