"""Flow, what of it is trusted, the flicker it measures, cuts, and values over time."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from styletransfer.errors import OptionError
from styletransfer.video.blending import blend
from styletransfer.video.flicker import Flicker, warping_error
from styletransfer.video.flow import Motion, inside, motion_between, trust, warp
from styletransfer.video.scenes import is_cut
from styletransfer.video.schedule import Schedule
from tests.video.drawing import panning, scene

pytest.importorskip("av", reason="needs the extra [video]", exc_type=ImportError)
pytest.importorskip("cv2", reason="needs the extra [video]", exc_type=ImportError)


def shifted(dx: float, dy: float, size: tuple[int, int] = (12, 16)) -> Tensor:
    return torch.tensor([float(dx), float(dy)]).view(1, 2, 1, 1).expand(1, 2, *size).contiguous()


class TestWarp:
    def test_a_known_shift(self) -> None:
        picture = torch.rand(1, 3, 12, 16)
        moved = warp(picture, shifted(2, -1))  # each pixel comes from two to the right and one above
        assert torch.allclose(moved[:, :, 1:, :-2], picture[:, :, :-1, 2:], atol=1e-5)

    def test_half_a_pixel_of_a_ramp(self) -> None:
        ramp = torch.linspace(0, 1, 16).expand(1, 1, 12, 16).contiguous()
        moved = warp(ramp, shifted(0.5, 0))
        assert torch.allclose(moved[..., 2:-3], ramp[..., 2:-3] + 0.5 / 15, atol=1e-5)

    def test_the_edge_is_repeated_and_the_range_kept(self) -> None:
        picture = torch.rand(1, 3, 12, 16)
        moved = warp(picture, shifted(100, 0))
        assert torch.allclose(moved, picture[..., -1:].expand_as(moved), atol=1e-5)
        moved = warp((picture > 0.5).float(), shifted(0.3, 0.3))
        assert (float(moved.min()), float(moved.max())) == (0, 1)

    def test_what_leads_out_of_the_picture(self) -> None:
        assert inside(shifted(2, 0))[0, 0, 0].tolist() == [True] * 14 + [False] * 2


class TestMotion:
    def test_a_pan_is_found(self) -> None:
        before, now = panning(2, 64, 96, step=3)
        motion = motion_between(before, now)
        middle = motion.backward[:, :, 16:-16, 16:-16]
        assert float((middle - shifted(3, 0, middle.shape[2:])).abs().mean()) < 0.2
        assert float(motion.confidence[:, :, 16:-16, 16:-16].mean()) > 0.8
        assert float(motion.confidence[..., -2:].max()) == 0  # what has just come into the picture

    def test_what_was_hidden_is_not_trusted(self) -> None:
        background = scene(64, 96)
        before, now = background.clone(), background.clone()
        patch = scene(40, 40, seed=5) * 0.5
        before[:, :, 12:52, 26:66], now[:, :, 12:52, 32:72] = patch, patch
        confidence = motion_between(before, now).confidence[0, 0]
        uncovered, still = confidence[14:50, 27:31], confidence[:, 84:92]
        assert float(uncovered.mean()) < 0.3
        assert float(still.mean()) > 0.85
        assert float(confidence[22:42, 42:62].mean()) > 0.6  # within the patch

    def test_flows_that_do_not_lead_back(self) -> None:
        there = shifted(4, 0, (32, 32))
        assert float(trust(there, -there)[..., 6:].mean()) == 1
        assert float(trust(there, there).max()) == 0

    def test_new_light_is_not_trusted(self) -> None:
        before = scene(64, 96) * 0.5
        assert float(motion_between(before, before).confidence.mean()) > 0.95
        assert float(motion_between(before, before + 0.4).confidence.mean()) < 0.2


class TestFlicker:
    def test_of_a_known_sequence(self) -> None:
        before = torch.rand(1, 3, 12, 16) * 0.5
        still = Motion(backward=shifted(0, 0), confidence=torch.ones(1, 1, 12, 16))
        assert warping_error(before, before, still) == pytest.approx(0, abs=1e-12)
        assert warping_error(before, before + 0.2, still) == pytest.approx(0.04, rel=1e-4)

    def test_what_moves_along_does_not_flicker(self) -> None:
        before, now = panning(2, 12, 16, step=1)
        along = Motion(backward=shifted(1, 0), confidence=inside(shifted(1, 0)).float())
        assert warping_error(before, now, along) < 1e-8
        assert warping_error(before, now, Motion(backward=shifted(0, 0), confidence=along.confidence)) > 1e-4

    def test_only_what_is_trusted_counts(self) -> None:
        confidence = torch.zeros(1, 1, 12, 16)
        now = torch.zeros(1, 3, 12, 16)
        assert math.isnan(warping_error(now, now, Motion(backward=shifted(0, 0), confidence=confidence)))
        confidence[..., :8] = 1
        now[..., :4], now[..., 8:] = 0.5, 1.0
        motion = Motion(backward=shifted(0, 0), confidence=confidence)
        assert warping_error(torch.zeros(1, 3, 12, 16), now, motion) == pytest.approx(0.125, rel=1e-4)

    def test_means(self) -> None:
        flicker = Flicker().plus(0.1, 0.2).plus(0.3, 0.6).plus(math.nan, 1.0)
        assert flicker.record() == pytest.approx({"pairs": 2, "with_smoothing": 0.2, "without_smoothing": 0.4})
        assert Flicker().record() == {"pairs": 0, "with_smoothing": None, "without_smoothing": None}


class TestCuts:
    def test_another_scene(self) -> None:
        assert is_cut(scene(64, 96), 1 - scene(64, 96, seed=3))
        assert is_cut(scene(64, 96) * 0.3, scene(64, 96, seed=3))

    def test_motion_and_fades_are_none(self) -> None:
        frames = panning(2, 64, 96, step=6)
        assert not is_cut(*frames)
        assert not is_cut(frames[0], frames[0] * 0.92)


class TestSchedule:
    @pytest.mark.parametrize("given", ["0:0, 2:1", {0: 0, 2: 1}, {2: 1, 0: 0}])
    def test_straight_lines(self, given: object) -> None:
        schedule = Schedule.of(given)
        assert [schedule.at(t) for t in (-1, 0, 0.5, 2, 9)] == [0, 0, 0.25, 1, 1]

    def test_a_number(self) -> None:
        assert [Schedule.of(value).at(3) for value in (0.4, "0.4")] == [0.4, 0.4]

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ("much", r"strength is a number in \[0, 1\], or seconds with values such as 0:0,2:1; got 'much'"),
            ("0:0,1", "strength is a number"),
            ("0:0,0:1", "strength names a time twice: '0:0,0:1'. Give each time once"),
            ("0:2", r"strength must be in \[0, 1\], got 2\.0"),
            ("-1:1", r"Each time of strength must be of at least 0, got -1\.0"),
            ({}, "strength is an empty mapping; give a number"),
            (None, "strength must be a number"),
        ],
    )
    def test_refusals(self, given: object, message: str) -> None:
        with pytest.raises(OptionError, match=message):
            Schedule.of(given)


class TestBlending:
    def test_the_same_picture_stays(self) -> None:
        picture = torch.rand(1, 3, 32, 40) * 0.6 + 0.2
        assert torch.allclose(blend(picture, picture, 0.5), picture, atol=1e-5)

    def test_share_0_changes_nothing_and_1_takes_the_other(self) -> None:
        plain, moved = scene(32, 40), scene(32, 40, seed=1)
        assert torch.allclose(blend(plain, moved, 0.0), plain, atol=1e-5)
        assert float((blend(plain, moved, torch.ones(1, 1, 32, 40)) - moved).abs().mean()) < 0.1

    def test_the_contrast_of_strokes_is_kept(self) -> None:
        plain, moved = torch.rand(2, 1, 3, 64, 64)
        mixed = blend(plain, moved, 0.5)
        assert float(plain.lerp(moved, 0.5).std() / plain.std()) < 0.75
        assert float(mixed.std() / plain.std()) == pytest.approx(1, abs=0.1)

    def test_flat_and_tiny_pictures(self) -> None:
        flat = torch.full((1, 3, 16, 16), 0.5)
        assert torch.allclose(blend(flat, flat, 0.5), flat, atol=1e-5)
