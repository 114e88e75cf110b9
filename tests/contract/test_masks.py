"""Where styles belong, in every registered method: masks, masks of the styles, what is preserved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from styletransfer.errors import OptionError
from styletransfer.job import stylize
from styletransfer.masking import split_labels
from styletransfer.methods import METHODS
from styletransfer.stylizer import Stylizer

Draw = Callable[..., Tensor]
Make = Callable[..., Stylizer]


def half(left: bool, height: int = 32, width: int = 40) -> Tensor:
    mask = torch.zeros(1, 3, height, width)
    mask[..., slice(0, width // 2) if left else slice(width // 2, width)] = 1
    return mask


@pytest.fixture(autouse=True)
def _honoured(method: str, make: Make, picture: Draw) -> None:
    if "masks" not in METHODS[method].accepts:
        for name, value in {"masks": [half(True)], "style_masks": [half(True)], "preserve": half(True)}.items():
            with pytest.raises(OptionError, match=f"Method '{method}' does not take masks"):
                make().stylize(picture(), picture(seed=1), **{name: value})
        pytest.skip("refused by name")


class TestMasks:
    def test_a_white_mask_equals_none(self, make: Make, picture: Draw) -> None:
        content, style = picture(), picture(seed=1)
        masked = make().stylize(content, style, masks=[torch.ones_like(content)]).image
        torch.testing.assert_close(masked, make().stylize(content, style).image, rtol=0, atol=2e-3)

    def test_what_no_mask_covers_keeps_the_content(self, make: Make, picture: Draw) -> None:
        content = picture()
        image = make().stylize(content, picture(seed=1), masks=[half(True)]).image
        assert torch.equal(image[..., 20:], content[..., 20:])
        assert (image[..., :20] - content[..., :20]).abs().max() > 1e-3

    def test_each_side_follows_its_own_style(self, make: Make, picture: Draw) -> None:
        content, red, blue = picture(), picture(seed=1), picture(seed=2)
        red[:, 1:] *= 0.2
        blue[:, :2] *= 0.2
        masks = [half(True), half(False)]
        one, other = (make().stylize(content, pair, masks=masks).image for pair in ([red, blue], [blue, red]))
        assert (one - other)[..., :20].abs().mean() > 1e-4
        assert (one - other)[..., 20:].abs().mean() > 1e-4

    def test_are_resized_to_the_content(self, make: Make, picture: Draw) -> None:
        content = picture()
        large = make().stylize(content, picture(seed=1), masks=[half(True, 64, 80)]).image
        assert torch.equal(large[..., 22:], content[..., 22:])

    @pytest.mark.parametrize(
        ("masks", "message"),
        [
            ([], r"got 0 mask\(s\) for 1 style"),
            ([torch.ones(1, 3, 32, 40)] * 2, r"got 2 mask\(s\) for 1 style"),
            ([torch.zeros(1, 3, 32, 40)], "Mask 1 is black at the content"),
        ],
    )
    def test_bad_ones_are_refused(self, make: Make, picture: Draw, masks: Any, message: str) -> None:
        with pytest.raises(OptionError, match=message):
            make().stylize(picture(), picture(seed=1), masks=masks)

    def test_another_shape_and_colours_are_told(self, make: Make, picture: Draw) -> None:
        tall, red = half(True, 64, 40), half(True)
        red[:, 1:] = 0
        with pytest.warns(UserWarning, match="Mask 1 is 40x64 pixels, the content 40x32; it is stretched"):
            make().stylize(picture(), picture(seed=1), masks=[tall])
        with pytest.warns(UserWarning, match="Mask 1 is coloured; its brightness"):
            make().stylize(picture(), picture(seed=1), masks=[red])

    def test_not_with_a_mixture(self, make: Make, picture: Draw) -> None:
        with pytest.raises(OptionError, match="style_mix and masks were both given"):
            make(style_mix=(1.0,)).stylize(picture(), picture(seed=1), masks=[half(True)])

    def test_two_half_masks_of_one_style_equal_no_mask(self, make: Make, picture: Draw) -> None:
        content, style = picture(), picture(seed=1)
        grey = torch.full((1, 3, 32, 40), 0.5)
        image = make().stylize(content, [style, style], masks=[grey, grey]).image
        torch.testing.assert_close(image, make().stylize(content, style).image, rtol=0, atol=2e-3)

    def test_feathered_edges_fade_and_still_share(self, make: Make, picture: Draw) -> None:
        content, style = picture(), picture(seed=1)
        hard, soft = (
            make(feather=feather).stylize(content, style, masks=[half(True)]).image for feather in (0.0, 8.0)
        )
        assert torch.equal(soft[..., 26:], content[..., 26:])  # three deviations, of two pixels each
        assert (soft - content)[..., 20:24].abs().max() > 1e-4
        assert torch.equal(hard[..., 20:], content[..., 20:])

    def test_labels_are_masks(self, make: Make, picture: Draw) -> None:
        labels = torch.ones(32, 40, dtype=torch.uint8)
        labels[:, 20:] = 2
        styles = [picture(seed=1), picture(seed=2)]
        image = make().stylize(picture(), styles, masks=split_labels(labels, 2)).image
        wanted = make().stylize(picture(), styles, masks=[half(True), half(False)]).image
        torch.testing.assert_close(image, wanted, rtol=0, atol=1e-5)


class TestReach:
    """How far a style reaches beyond its mask."""

    def test_not_at_all_where_the_content_is_kept(self, make: Make, picture: Draw) -> None:
        content, one, other = picture(48, 64), picture(seed=1), picture(seed=2) * 0.3
        left = half(True, 48, 64)
        images = [make().stylize(content, style, masks=[left]).image for style in (one, other)]
        assert torch.equal(images[0][..., 32:], images[1][..., 32:])
        assert (images[0] - images[1])[..., :32].abs().max() > 1e-3


class TestStyleMasks:
    def test_only_what_they_show_is_looked_at(self, make: Make, picture: Draw) -> None:
        """Whatever is hidden, as far as no feature that is seen sees it."""
        content, style, other = picture(), picture(64, 480, seed=1), picture(64, 480, seed=2)
        mask = torch.zeros(1, 3, 64, 480)
        mask[..., :96] = 1
        other[..., :320] = style[..., :320]
        one, same = (make().stylize(content, x, style_masks=[mask]).image for x in (style, other))
        torch.testing.assert_close(one, same, rtol=0, atol=1e-4)
        assert (one - make().stylize(content, style).image).abs().max() > 1e-3

    def test_a_white_one_equals_none(self, make: Make, picture: Draw) -> None:
        content, style = picture(), picture(seed=1)
        white = make().stylize(content, style, style_masks=[torch.ones(1, 3, 32, 40)]).image
        torch.testing.assert_close(white, make().stylize(content, style).image, rtol=0, atol=2e-3)

    def test_one_may_be_left_out(self, make: Make, picture: Draw) -> None:
        content, styles = picture(), [picture(seed=1), picture(64, 64, seed=2)]
        result = make().stylize(content, styles, style_masks=[None, half(True, 64, 64)])
        hashes = result.record()["hashes"]["style_masks"]
        assert hashes[0] is None
        assert len(hashes[1]) == 64

    def test_colours_come_from_what_they_show(self, make: Make, picture: Draw) -> None:
        content, style = picture(), picture(seed=1)
        style[..., :20] *= torch.tensor([1.0, 0.2, 0.2]).view(1, 3, 1, 1)
        image = make(match_histogram="style").stylize(content, style, style_masks=[half(True)]).image
        for level in (0.1, 0.5, 0.9):
            got, wanted = (x.flatten(2).quantile(level, 2) for x in (image, style[..., :20]))
            torch.testing.assert_close(got, wanted, rtol=0, atol=0.03)

    @pytest.mark.parametrize(
        ("masks", "message"),
        [
            ([], r"Each style needs one style mask: got 0 style mask\(s\) for 1 style"),
            ([torch.zeros(1, 3, 32, 40)], "Style mask 1 is black at the style's size"),
            ([torch.ones(2, 3, 32, 40)], "Style mask 1 is a batch of 2 pictures"),
        ],
    )
    def test_bad_ones_are_refused(self, make: Make, picture: Draw, masks: Any, message: str) -> None:
        with pytest.raises(OptionError, match=message):
            make().stylize(picture(), picture(seed=1), style_masks=masks)


class TestPreserve:
    def test_keeps_the_content_and_leaves_the_rest_to_the_style(self, make: Make, picture: Draw) -> None:
        content, styles = picture(), [picture(seed=1), picture(seed=2)]
        image = make(style_mix=(0.3, 0.7)).stylize(content, styles, preserve=half(False)).image
        assert torch.equal(image[..., 20:], content[..., 20:])
        assert (image - content)[..., :20].abs().max() > 1e-3

    def test_several_are_kept_together(self, make: Make, picture: Draw) -> None:
        content = picture()
        above = torch.zeros(1, 3, 32, 40)
        above[:, :, :8] = 1
        image = make().stylize(content, picture(seed=1), preserve=[half(False), above]).image
        assert torch.equal(image[..., 20:], content[..., 20:])
        assert torch.equal(image[:, :, :8], content[:, :, :8])
        assert (image - content)[:, :, 8:, :20].abs().max() > 1e-3

    def test_goes_before_masks(self, make: Make, picture: Draw) -> None:
        content, white = picture(), torch.ones(1, 3, 32, 40)
        image = make().stylize(content, picture(seed=1), masks=[white], preserve=half(True)).image
        assert torch.equal(image[..., :20], content[..., :20])
        assert (image - content)[..., 20:].abs().max() > 1e-3

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"preserve": torch.zeros(1, 3, 32, 40)}, "what is preserved is black"),
            (
                {"preserve": torch.ones(1, 3, 32, 40)},
                "what is preserved is white everywhere, so no style has a place",
            ),
            ({"preserve": half(True), "masks": [half(True)]}, "Everything that mask 1 covers is preserved"),
        ],
    )
    def test_bad_ones_are_refused(self, make: Make, picture: Draw, options: Any, message: str) -> None:
        with pytest.raises(OptionError, match=message):
            make().stylize(picture(), picture(seed=1), **options)

    def test_what_is_kept_lends_no_colours(self, make: Make, picture: Draw) -> None:
        content, style = picture(), picture(seed=1)
        content[..., :20] = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
        for way in ("linear", "histogram"):
            kept = make(preserve_color=way).stylize(content, style, preserve=half(True)).image
            masked = make(preserve_color=way).stylize(content, style, masks=[half(False)]).image
            torch.testing.assert_close(kept, masked, rtol=0, atol=2e-3)


def test_a_feather_without_masks_is_refused(make: Make, picture: Draw) -> None:
    with pytest.raises(OptionError, match="feather softens the edges of masks, and there are none"):
        make(feather=3.0).stylize(picture(), picture(seed=1))


def test_the_front_door_takes_them(method: str, extractor: Any, quick: dict[str, Any], picture: Draw) -> None:
    content, style = picture(), picture(seed=1)
    asked: dict[str, Any] = {"masks": [half(True)], "style_masks": [half(True)], "strength": 0.7}
    result = stylize(content, style, method, extractor=extractor, **asked, **quick)
    assert torch.equal(result.image[..., 20:], content[..., 20:])
    assert result.record()["strength"] == 0.7
    assert [len(hashes) for hashes in (result.masks, result.style_masks, result.preserve)] == [1, 1, 0]
