"""Controls mean the same in every registered method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from styletransfer.errors import OptionError
from styletransfer.functional import luminance
from styletransfer.images import read_picture
from styletransfer.job import stylize
from styletransfer.methods import METHODS
from styletransfer.stylizer import Step, Stylizer
from tests.made_up import TINT

Make = Callable[..., Stylizer]
Draw = Callable[..., Tensor]
Spy = Callable[[Stylizer], list[Any]]
#: A value of each control that does something.
USED: dict[str, Any] = {
    "preserve_color": "luminance",
    "style_scale": 1.5,
    "match_histogram": "style",
    "detail": 1.0,
}


def chroma(picture: Tensor) -> Tensor:
    return picture - luminance(picture)


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Callable[[Stylizer], list[Any]]:
    """A function that has a stylizer write down what its method is asked."""

    def watch(stylizer: Stylizer) -> list[Any]:
        asked: list[Any] = []
        run = stylizer._run

        def noted(request: Any, on_step: Any) -> Any:
            asked.append(request)
            return run(request, on_step)

        monkeypatch.setattr(stylizer, "_run", noted)
        return asked

    return watch


def half(left: bool) -> Tensor:
    mask = torch.zeros(1, 3, 32, 40)
    mask[..., slice(0, 20) if left else slice(20, 40)] = 1
    return mask


@pytest.mark.parametrize("name", USED)
def test_each_changes_the_picture_and_is_recorded(make: Make, picture: Draw, method: str, name: str) -> None:
    content, style = picture(), picture(30, 26, seed=1)
    plain = make().stylize(content, style)
    result = make(**{name: USED[name]}).stylize(content, style)
    if (method, name) not in [(TINT.name, "style_scale"), (TINT.name, "detail")]:  # of which it knows nothing
        assert (result.image - plain.image).abs().max() > 1e-3
    assert result.record()["controls"][name] == USED[name]
    assert plain.record()["controls"] == {
        "preserve_color": None,
        "style_scale": 1.0,
        "match_histogram": None,
        "detail": 0.0,
        "feather": 0.0,
    }


def test_the_front_door_takes_them(method: str, extractor: Any, quick: dict[str, Any], picture: Draw) -> None:
    content, style = picture(), picture(seed=1)
    result = stylize(content, style, method, extractor=extractor, preserve_color="luminance", **quick)
    torch.testing.assert_close(chroma(result.image), chroma(content), rtol=0, atol=1e-5)


class TestPreserveColor:
    def test_luminance_keeps_the_chroma_exactly(self, make: Make, picture: Draw) -> None:
        contents, style = picture(batch=2), picture(seed=1)
        for options in ({}, {"detail": 1.0}):
            image = make(preserve_color="luminance", **options).stylize(contents, style).image
            torch.testing.assert_close(chroma(image), chroma(contents), rtol=0, atol=1e-5)

    def test_so_it_does_in_blends_and_masks(self, make: Make, picture: Draw, method: str) -> None:
        content, styles = picture(), [picture(seed=1), picture(20, 24, seed=2)]
        stylizer = make(preserve_color="luminance")
        ways: list[dict[str, Any]] = [{}]
        if "masks" in METHODS[method].accepts:
            ways.append({"masks": [half(True), half(False)]})
        for way in ways:
            image = stylizer.stylize(content, styles, **way).image
            torch.testing.assert_close(chroma(image), chroma(content), rtol=0, atol=1e-5)

    def test_steps_are_seen_in_the_colours_of_the_result(self, make: Make, picture: Draw) -> None:
        content, seen = picture(), list[Step]()
        make(preserve_color="luminance").stylize(content, picture(seed=1), on_step=seen.append)
        image = seen[-1].image
        assert image is not None
        torch.testing.assert_close(chroma(image), chroma(content), rtol=0, atol=1e-5)

    @pytest.mark.parametrize("way", ["linear", "histogram"])
    def test_the_method_sees_a_style_in_the_contents_colours(
        self, make: Make, picture: Draw, spy: Spy, way: str
    ) -> None:
        content, style = picture(), picture(30, 26, seed=1)
        stylizer = make(preserve_color=way)
        asked = spy(stylizer)
        stylizer.stylize(content, style)
        recolored = asked[0].styles[0].source.flatten(2)
        tolerance = 1e-4 if way == "linear" else 0.01
        torch.testing.assert_close(recolored.mean(2), content.flatten(2).mean(2), rtol=0, atol=tolerance)
        torch.testing.assert_close(
            recolored[0].cov(correction=0), content.flatten(2)[0].cov(correction=0), rtol=0, atol=tolerance
        )
        assert torch.equal(asked[0].content, content)

    def test_a_masked_style_takes_the_colours_under_its_mask(
        self, make: Make, picture: Draw, spy: Spy, method: str
    ) -> None:
        if "masks" not in METHODS[method].accepts:
            pytest.skip("refused by name")
        content = picture()
        content[..., 20:] *= 0.2
        stylizer = make(preserve_color="linear")
        asked = spy(stylizer)
        stylizer.stylize(content, [picture(seed=1)] * 2, masks=[half(True), half(False)])
        bright, dark = (style.source.mean() for style in asked[0].styles)
        assert float(bright) == pytest.approx(float(content[..., :20].mean()), abs=1e-4)
        assert float(dark) == pytest.approx(float(content[..., 20:].mean()), abs=1e-4)

    def test_a_grey_content_is_told_and_stays_grey(self, make: Make, picture: Draw) -> None:
        content = luminance(picture()).expand(-1, 3, -1, -1)
        with pytest.warns(UserWarning, match="The content is grey, so preserve_color='luminance' makes a grey"):
            image = make(preserve_color="luminance").stylize(content, picture(seed=1)).image
        assert chroma(image).abs().max() < 1e-5


class TestStyleScale:
    def test_is_the_styles_size(self, make: Make, picture: Draw, spy: Spy) -> None:
        stylizer = make(style_scale=1.5)
        asked = spy(stylizer)
        stylizer.stylize(picture(), picture(30, 26, seed=1))
        assert asked[0].styles[0].source.shape == (1, 3, 45, 39)

    def test_too_little_left_is_refused_with_what_would_do(self, make: Make, picture: Draw) -> None:
        message = (
            r"style_scale=0.3 leaves 12x10 pixels of style 1 \(40x32\).*Give at least 0.5, or a larger picture"
        )
        with pytest.raises(OptionError, match=message):
            make(style_scale=0.3).stylize(picture(), picture())
        make(style_scale=0.5).stylize(picture(), picture())


class TestMatchHistogram:
    @pytest.mark.parametrize("whose", ["style", "content"])
    def test_the_result_has_those_colours(self, make: Make, picture: Draw, whose: str) -> None:
        pair = {"content": picture(), "style": picture(30, 26, seed=1)}
        image = make(match_histogram=whose).stylize(**pair).image
        for level in (0.1, 0.5, 0.9):
            got, wanted = (x.flatten(2).quantile(level, 2) for x in (image, pair[whose]))
            torch.testing.assert_close(got, wanted, rtol=0, atol=0.03)

    @pytest.mark.parametrize("whose", ["style", "content"])
    def test_as_much_as_the_style_is_wanted(self, make: Make, picture: Draw, method: str, whose: str) -> None:
        if "strength" not in METHODS[method].accepts:
            pytest.skip("refused by name")
        content, style = picture(), picture(30, 26, seed=1) * 0.3
        matched = make(match_histogram=whose).stylize(content, style, strength=0.0).image
        torch.testing.assert_close(matched, make().stylize(content, style, strength=0.0).image)

    @pytest.mark.parametrize(
        "options", [{"match_histogram": "style"}, {"match_histogram": "content"}, {"detail": 1.0}]
    )
    def test_masks_neither_darken_nor_reach_over(
        self, make: Make, picture: Draw, method: str, options: dict[str, Any]
    ) -> None:
        """Bright pictures stay bright under soft masks, and beside what no mask covers."""
        if "masks" not in METHODS[method].accepts:
            pytest.skip("refused by name")
        content, style = 0.8 + 0.2 * picture(), 0.8 + 0.2 * picture(30, 26, seed=1)
        left, right = torch.zeros(1, 3, 32, 40), torch.zeros(1, 3, 32, 40)
        left[..., :8], right[..., 32:] = 0.5, 1
        image = make(**options).stylize(content, [style, style], masks=[left, right]).image
        plain = make().stylize(content, [style, style], masks=[left, right]).image
        assert torch.equal(image[..., 8:32], content[..., 8:32])
        for place in (slice(0, 8), slice(32, 40)):
            floor = min(float(x[..., place].mean()) for x in (content, plain))
            assert float(image[..., place].mean()) > min(floor, 0.8) - 0.05


class TestDetail:
    def test_the_finest_structure_is_the_contents(self, make: Make, picture: Draw) -> None:
        content, style = 0.25 + picture() / 2, 0.25 + picture(seed=1) / 2  # away from the limits
        results = [make(detail=share).stylize(content, style).image for share in (0.0, 0.5, 1.0)]
        edges = [luminance(image).diff(dim=3) - luminance(content).diff(dim=3) for image in results]
        apart = [float(edge.square().mean()) for edge in edges]
        if apart[0] > 1e-12:  # a method that leaves it alone has nothing to bring back
            assert apart[0] > apart[1] > apart[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preserve_color": "hue"}, "Unknown preserve_color 'hue'.*luminance, linear, histogram"),
        ({"match_histogram": "both"}, "Unknown match_histogram 'both'"),
        ({"style_scale": 0}, r"style_scale must be in \[0.05, 8\], got 0"),
        ({"detail": 1.1}, r"detail must be in \[0, 1\], got 1.1"),
        ({"preserve_color": "linear", "match_histogram": "style"}, "keeps the content's colours.*choose one"),
        ({"preserve_color": "luminance", "match_histogram": "content"}, "chroma exactly.*choose one"),
        ({"strength": 0.5}, r"strength is asked of each run: give it to stylize\(content, style, strength"),
    ],
)
def test_bad_ones_are_refused(make: Make, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make(**options)


def test_an_encoded_style_has_no_picture_to_change(make: Make, picture: Draw, method: str) -> None:
    if METHODS[method].encoded is None:
        pytest.skip("takes none")
    encoded: Any = make()
    code = encoded.encode_style(read_picture(picture(seed=1)))
    for options in ({"preserve_color": "linear"}, {"style_scale": 2.0}, {"match_histogram": "style"}):
        with pytest.raises(OptionError, match=f"{next(iter(options))} needs the style's picture, got an encoded"):
            make(**options).stylize(picture(), code)
    assert make(detail=0.5).stylize(picture(), code).controls.detail == 0.5


def test_a_check_finds_what_a_run_would(make: Make, picture: Draw, method: str) -> None:
    stylizer: Any = make(style_scale=0.05)
    with pytest.raises(OptionError, match=r"style_scale=0.05 leaves"):
        stylizer.check(picture(), picture(seed=1))
    if METHODS[method].encoded is not None:
        code = stylizer.encode_style(read_picture(picture(seed=1)))
        with pytest.raises(OptionError, match="preserve_color needs the style's picture"):
            make(preserve_color="linear").check(picture(), code)
    make().check(picture(), picture(seed=1))


def test_a_plain_run_is_what_it_was(make: Make, picture: Draw) -> None:
    """No control changes anything unless it is asked for."""
    content, style = picture(), picture(seed=1)
    stylizer = make(preserve_color=None, style_scale=1.0, match_histogram=None, detail=0.0)
    assert torch.equal(stylizer.stylize(content, style).image, make().stylize(content, style).image)


def test_an_estimate_takes_no_notice(make: Make) -> None:
    """Its small pictures would leave too little of a style that is scaled down."""
    assert make(style_scale=0.05, preserve_color="luminance").estimate((64, 64)) > 0
