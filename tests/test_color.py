from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from styletransfer.color import match_histogram, repaint_luminance
from styletransfer.errors import OptionError
from styletransfer.functional import luminance, match_color


def pictures(seed: int, height: int = 24, width: int = 30, batch: int = 1) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(seed))


class TestRepaintLuminance:
    def test_by_hand(self) -> None:
        teal = torch.tensor([0.2, 0.6, 0.6]).view(1, 3, 1, 1)  # luminance 0.4804
        repainted = repaint_luminance(teal, torch.full((1, 1, 1, 1), 0.5804))
        torch.testing.assert_close(repainted.flatten(), torch.tensor([0.3, 0.7, 0.7]), rtol=0, atol=1e-6)

    @given(seed=st.integers(0, 999), level=st.floats(-0.5, 1.5))
    def test_chroma_is_kept_and_colours_stay_possible(self, seed: int, level: float) -> None:
        content = pictures(seed, 8, 8)
        image = repaint_luminance(content, torch.full((1, 1, 8, 8), level))
        assert image.min() >= 0
        assert image.max() <= 1
        torch.testing.assert_close(image - luminance(image), content - luminance(content), rtol=0, atol=2e-6)

    def test_its_own_brightness_changes_nothing(self) -> None:
        content = pictures(0)
        torch.testing.assert_close(repaint_luminance(content, luminance(content)), content, rtol=0, atol=1e-6)

    def test_another_size_is_refused(self) -> None:
        with pytest.raises(OptionError, match="must be"):
            repaint_luminance(pictures(0), torch.rand(1, 1, 24, 29))


class TestMatchHistogram:
    def test_its_own_colours_change_nothing(self) -> None:
        content = pictures(0)
        torch.testing.assert_close(match_histogram(content, content), content, rtol=0, atol=0.01)

    def test_the_distribution_is_the_references(self) -> None:
        content, reference = pictures(1, 64, 64), pictures(2, 50, 70)
        reference[:, 0] = reference[:, 1] ** 2  # channels that go together, and no normal distribution
        matched = match_histogram(content, reference)
        for direction in [*torch.eye(3).tolist(), [0.6, -0.8, 0], [0.5, 0.5, -0.7]]:
            along = [torch.einsum("c,bchw->bhw", torch.tensor(direction), x) for x in (matched, reference)]
            got, wanted = (x.flatten().quantile(torch.linspace(0.02, 0.98, 9)) for x in along)
            torch.testing.assert_close(got, wanted, rtol=0, atol=0.06)

    def test_a_flat_picture_stays_flat(self) -> None:
        matched = match_histogram(torch.full((1, 3, 8, 8), 0.5), pictures(3))
        assert matched.flatten(2).std(2).max() < 1e-6
        assert 0.2 < float(matched.mean()) < 0.8

    def test_one_reference_for_a_batch_and_one_for_each(self) -> None:
        content, references = pictures(4, batch=2), pictures(5, batch=2)
        each = match_histogram(content, references)
        torch.testing.assert_close(each[1:], match_histogram(content[1:], references[1:]))
        torch.testing.assert_close(
            match_histogram(content, references[:1])[1:], match_histogram(content[1:], references[:1])
        )
        with pytest.raises(OptionError, match=r"2 picture.*3 reference"):
            match_histogram(content, pictures(6, batch=3))


def test_unclamped_colours_have_mean_and_covariance_exactly() -> None:
    content, style = pictures(7) ** 4, pictures(8, 40, 20)
    matched = match_color(style, content, clamp=False).flatten(2)
    torch.testing.assert_close(matched.mean(2), content.flatten(2).mean(2), rtol=0, atol=1e-5)
    torch.testing.assert_close(
        matched[0].cov(correction=0), content.flatten(2)[0].cov(correction=0), rtol=0, atol=1e-5
    )
    assert match_color(style, content).min() >= 0
