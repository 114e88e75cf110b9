"""Feed-forward methods in strips of rows: the same picture as from the whole, at any size."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from styletransfer.errors import ImageError
from styletransfer.features.vgg import VGG19Features
from styletransfer.methods import create_stylizer
from styletransfer.methods.feedforward import stylizer as feedforward
from styletransfer.methods.feedforward.adain import AdaINStylizer
from styletransfer.methods.feedforward.decoder_files import PYTORCH_ADAIN, Decoder
from styletransfer.methods.feedforward.strips import Budget, EncodedPicture, budget_for, cut, with_halo

CPU = torch.device("cpu")
WHOLE = Budget(strip=2**40, kept=2**40)
#: Strips as thin as they become, with all features kept, some, and none.
THIN = [Budget(strip=1, kept=2**40), Budget(strip=1, kept=300_000), Budget(strip=1, kept=0)]


def smooth(height: int, width: int, seed: int = 0, batch: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(batch, 3, height // 7 + 2, width // 7 + 2, generator=generator)
    fine = torch.rand(batch, 3, height, width, generator=generator)
    enlarged = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic", antialias=True)
    return (0.8 * enlarged + 0.2 * fine).clamp(0, 1)


@pytest.fixture(scope="module")
def stylizers() -> dict[str, AdaINStylizer]:
    """The embedded decoders, and a network with the shape of pytorch-AdaIN's: ceil-mode pooling, one layer."""
    made: dict[str, Any] = {n: create_stylizer("adain", decoder=n, device="cpu") for n in ("lite", "fast")}
    torch.manual_seed(0)
    spec = dataclasses.replace(
        PYTORCH_ADAIN, channels=(6,), stages=((6,), (6, 6, 6, 4), (4, 4), (4, 3)), encoder="narrow"
    )
    encoder = VGG19Features("narrow", widths=(4, 4, 6, 6, 6), last="conv4_1", ceil_mode=True)
    return made | {"one layer": AdaINStylizer(encoder, decoder=Decoder(spec).requires_grad_(False))}


def within(stylizer: AdaINStylizer, budget: Budget, content: Tensor, style: Any, **request: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feedforward, "budget_for", lambda device: budget)
        return stylizer.stylize(content, style, **request)


@settings(max_examples=8)
@given(
    height=st.integers(16, 330),
    width=st.integers(16, 70),
    name=st.sampled_from(["lite", "fast", "one layer"]),
    budget=st.sampled_from(THIN),
    alpha=st.sampled_from([1.0, 0.4]),
)
def test_any_size_is_painted_as_from_the_whole(
    stylizers: dict[str, AdaINStylizer], height: int, width: int, name: str, budget: Budget, alpha: float
) -> None:
    stylizer, content = stylizers[name], smooth(height, width)
    style = smooth(width + 20, height, seed=1)
    whole = within(stylizer, WHOLE, content, style, strength=alpha)
    strips = within(stylizer, budget, content, style, strength=alpha)
    torch.testing.assert_close(strips.image, whole.image, rtol=0, atol=1e-5)
    assert strips.losses == pytest.approx(whole.losses, rel=1e-4)


@pytest.mark.parametrize(("height", "width"), [(1021, 319), (443, 1187)])
def test_large_odd_sizes(stylizers: dict[str, AdaINStylizer], height: int, width: int) -> None:
    stylizer, content = stylizers["fast"], smooth(height, width)
    style = stylizer.encode_style(smooth(200, 300, seed=1))
    whole = within(stylizer, WHOLE, content, style).image
    for budget in (Budget(strip=20_000_000, kept=10_000_000), THIN[1]):
        torch.testing.assert_close(within(stylizer, budget, content, style).image, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("budget", THIN)
def test_masks_and_maps_of_strength(stylizers: dict[str, AdaINStylizer], budget: Budget) -> None:
    content, styles = smooth(203, 61), [smooth(64, 64, seed=n) for n in (1, 2)]
    masks = [torch.zeros(1, 1, 203, 61) for _ in styles]
    masks[0][:, :, :90], masks[1][:, :, 120:] = 1, 0.7
    request = {"masks": masks, "strength": torch.linspace(0.2, 1, 203).view(1, 1, -1, 1).expand(1, 1, 203, 61)}
    for name in ("lite", "fast"):
        whole, strips = (within(stylizers[name], b, content, styles, **request).image for b in (WHOLE, budget))
        torch.testing.assert_close(strips, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("budget", THIN)
def test_style_masks(stylizers: dict[str, AdaINStylizer], budget: Budget) -> None:
    style, mask = smooth(203, 61, seed=1), torch.linspace(0, 1, 203).view(1, 1, -1, 1).expand(1, 1, 203, 61)
    for name in ("lite", "fast"):
        whole, strips = (
            within(stylizers[name], b, smooth(64, 48), style, style_masks=[mask]).image for b in (WHOLE, budget)
        )
        torch.testing.assert_close(strips, whole, rtol=0, atol=1e-5)


def test_a_style_does_not_reach_beyond_its_mask_at_all(stylizers: dict[str, AdaINStylizer]) -> None:
    """Each region is painted by itself, so that statistics, passes and modulation know no other's style."""
    content, masks = smooth(64, 96), [torch.zeros(1, 1, 64, 96) for _ in range(2)]
    masks[0][..., :40], masks[1][..., 40:] = 1, 1
    for name in ("lite", "fast"):
        one, other = (
            stylizers[name]
            .stylize(content, [smooth(64, 64, seed=seed), smooth(48, 64, seed=3)], masks=masks)
            .image
            for seed in (1, 2)
        )
        assert torch.equal(one[..., 40:], other[..., 40:]), name
        assert (one - other)[..., :40].abs().max() > 1e-2, name


def test_batches(stylizers: dict[str, AdaINStylizer]) -> None:
    content, style = smooth(150, 40, batch=2), smooth(48, 40, seed=1, batch=2)
    for name in ("lite", "fast"):
        whole, strips = (within(stylizers[name], b, content, style).image for b in (WHOLE, THIN[0]))
        torch.testing.assert_close(strips, whole, rtol=0, atol=1e-5)


def test_large_styles_are_encoded_alike(stylizers: dict[str, AdaINStylizer]) -> None:
    for name, stylizer in stylizers.items():
        style, found = smooth(301, 37, seed=1), []
        for budget in (WHOLE, THIN[2]):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(feedforward, "budget_for", lambda device, budget=budget: budget)
                found.append(stylizer.encode_style(style).statistics)  # type: ignore[attr-defined]
        for layer, statistics in found[0].items():
            for own, wanted in zip(found[1][layer], statistics, strict=True):
                if wanted is not None:
                    torch.testing.assert_close(own, wanted, rtol=1e-4, atol=1e-5, msg=f"{name}, {layer}")


class TestMemory:
    @pytest.fixture
    def lacking(
        self, stylizers: dict[str, AdaINStylizer], monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Callable[[int], list[int]]]:
        """Let memory run out in stages of more rows than that; returns the rows that were tried."""
        decoder = stylizers["fast"].decoder
        real = decoder.stage

        def set_up(most: int) -> list[int]:
            tried: list[int] = []

            def stage(index: int, x: Any, targets: Any, changes: Any) -> Tensor:
                tried.append(next(iter(targets.values())).shape[2])
                if tried[-1] > most:
                    raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
                return real(index, x, targets, changes)

            monkeypatch.setattr(stylizers["fast"], "_networks", stylizers["fast"]._networks._replace(stage=stage))
            return tried

        yield set_up
        monkeypatch.undo()

    def test_thinner_strips_where_it_runs_out(
        self, stylizers: dict[str, AdaINStylizer], lacking: Callable[[int], list[int]]
    ) -> None:
        content, style = smooth(400, 500), smooth(60, 60, seed=1)
        whole = within(stylizers["fast"], WHOLE, content, style).image
        tried = lacking(150)
        image = within(stylizers["fast"], WHOLE, content, style).image
        torch.testing.assert_close(image, whole, rtol=0, atol=1e-5)
        assert any(rows > 150 for rows in tried)

    def test_where_the_thinnest_are_too_much_it_says_so(
        self, stylizers: dict[str, AdaINStylizer], lacking: Callable[[int], list[int]]
    ) -> None:
        lacking(1)
        with pytest.raises(RuntimeError, match="can't allocate memory"):
            stylizers["fast"].stylize(smooth(64, 64), smooth(60, 60, seed=1))

    def test_other_errors_pass(self, stylizers: dict[str, AdaINStylizer], monkeypatch: pytest.MonkeyPatch) -> None:
        def stage(*_: Any) -> Tensor:
            raise RuntimeError("sizes do not match")

        monkeypatch.setattr(stylizers["fast"], "_networks", stylizers["fast"]._networks._replace(stage=stage))
        with pytest.raises(RuntimeError, match="sizes do not match"):
            stylizers["fast"].stylize(smooth(64, 64), smooth(60, 60, seed=1))

    def test_what_cannot_fit_is_refused_before_the_start(
        self, stylizers: dict[str, AdaINStylizer], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("styletransfer.stylizer.available", lambda device: 90_000_000)
        with pytest.raises(ImageError, match=r"1200x900 pixels.*are free.*reduce it with long_edge=\d+") as caught:
            stylizers["lite"].stylize(smooth(900, 1200), smooth(60, 60, seed=1))
        edge = int(str(caught.value).split("long_edge=")[1].split(" ")[0])
        assert stylizers["lite"].forecast((edge * 3 // 4, edge)).least <= 90_000_000
        assert stylizers["lite"].forecast((edge * 3 // 4 + 40, edge + 50)).least > 90_000_000

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks of memory are known on Linux only")
    @pytest.mark.parametrize(("decoder", "height", "width"), [("lite", 640, 960), ("fast", 1100, 1500)])
    def test_the_forecast_is_right_within_a_quarter(self, decoder: str, height: int, width: int) -> None:
        told = subprocess.run(
            [sys.executable, "-c", _PEAK, decoder, str(height), str(width)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        forecast, measured = map(int, told.split())
        assert forecast == pytest.approx(measured, rel=0.25)


_PEAK = """
import ctypes, sys, torch
import styletransfer as st
torch.set_num_threads(1)
name, (height, width) = sys.argv[1], map(int, sys.argv[2:])
stylizer = st.create_stylizer("adain", decoder=name, device="cpu", measure=False)
content = torch.rand(1, 3, height, width)
style = stylizer.encode_style(torch.rand(1, 3, 64, 64))
stylizer.stylize(content[:, :, :64, :64], style)
try:
    ctypes.CDLL("libc.so.6").malloc_trim(0)
except OSError:
    pass
open("/proc/self/clear_refs", "w").write("5")
held = lambda name: next(int(l.split()[1]) * 1024 for l in open("/proc/self/status") if l.startswith(name))
before = held("VmRSS")
forecast = stylizer.forecast((height, width)).memory
stylizer.stylize(content, style)
print(forecast, held("VmHWM") - before)
"""


class TestCutting:
    @given(length=st.integers(1, 500), rows=st.integers(1, 200), unit=st.sampled_from([1, 2, 8]))
    def test_strips_cover_all_rows_once(self, length: int, rows: int, unit: int) -> None:
        parts = cut(length, rows, unit)
        assert parts[0][0] == 0
        assert parts[-1][1] == length
        assert all(a[1] == b[0] and a[1] % unit == 0 for a, b in itertools.pairwise(parts))
        assert all(0 < bottom - top <= max(rows, unit) + unit for top, bottom in parts)

    def test_a_halo_ends_where_the_picture_does(self) -> None:
        assert [with_halo(rows, 5, 30) for rows in ((0, 10), (10, 20), (20, 30))] == [(0, 15), (5, 25), (15, 30)]

    def test_what_fits_is_one_strip(self) -> None:
        assert cut(100, 100, 8) == [(0, 100)]

    def test_a_budget_follows_what_is_free(self, monkeypatch: pytest.MonkeyPatch) -> None:
        free: list[int | None] = [None]
        monkeypatch.setattr("styletransfer.methods.feedforward.strips.available", lambda device: free[0])
        unknown = budget_for(CPU)
        free[0] = 80_000_000
        assert budget_for(CPU) == Budget(strip=10_000_000, kept=20_000_000)
        free[0] = 2**40
        rich = budget_for(CPU)
        assert rich == unknown
        assert budget_for(torch.device("cuda")) == Budget(strip=2**37, kept=2**38)
        budgets, last = [rich], rich.thinner()
        while last is not None:
            budgets.append(last)
            last = last.thinner()
        assert budgets[-1] == rich.least()
        assert all(a.strip > b.strip or a.kept > b.kept for a, b in itertools.pairwise(budgets))


def test_only_rows_that_are_asked_for_are_computed_again(stylizers: dict[str, AdaINStylizer]) -> None:
    asked: list[tuple[int, int]] = []
    extractor = stylizers["lite"].extractor

    def encode(picture: Tensor, taps: Any) -> Any:
        asked.append((picture.shape[2], len(taps)))
        return extractor(picture, taps)

    taps = ("relu1_1", "relu3_1")
    seen = EncodedPicture(encode, smooth(400, 24), taps, Budget(strip=1, kept=200_000), widest=16)
    with torch.no_grad():
        whole = extractor(seen.picture, taps)
        assert len(list(seen.strips())) > 1
        assert set(seen.kept) == {"relu3_1"}
        asked.clear()
        rows = seen.rows(taps, 80, 120)
    assert asked == [(42, 1)]  # one row more on each side, for the first layer alone
    for tap, stride in (("relu1_1", 1), ("relu3_1", 4)):
        torch.testing.assert_close(rows[tap], whole[tap][:, :, 80 // stride : 120 // stride], rtol=1e-5, atol=1e-4)
