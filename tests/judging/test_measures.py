"""Colours, structure and edges: known values and a library's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from styletransfer.judging.measures import color_quantiles, edge_correlation, ssim


def noise(seed: int, size: tuple[int, int] = (40, 33)) -> torch.Tensor:
    return torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(seed))


def brightness(picture: torch.Tensor) -> np.ndarray:
    return (picture.double().numpy() * np.reshape([0.299, 0.587, 0.114], (1, 3, 1, 1))).sum(1)


class TestColors:
    def test_a_shifted_picture_is_as_far_as_the_shift_on_average(self) -> None:
        picture = noise(0) / 2
        shift = torch.tensor([0.3, 0.0, 0.0]).view(1, 3, 1, 1)
        distance = (color_quantiles(picture + shift) - color_quantiles(picture)).abs().mean()
        assert float(distance) == pytest.approx(0.3 / 2, rel=0.02)  # the mean of |cos| over the sphere is 1/2

    def test_where_pixels_are_does_not_matter(self) -> None:
        picture = noise(1)
        shuffled = picture.flatten(2)[:, :, torch.randperm(40 * 33)].view_as(picture)
        assert torch.allclose(color_quantiles(picture), color_quantiles(shuffled), atol=1e-6)

    def test_nor_does_the_size(self) -> None:
        large = noise(2).repeat(1, 1, 3, 3)
        assert float((color_quantiles(large) - color_quantiles(noise(2))).abs().mean()) < 2e-3


class TestSsim:
    @pytest.mark.parametrize("size", [(40, 33), (11, 11), (64, 16)])
    def test_agrees_with_scikit_image(self, size: tuple[int, int]) -> None:
        structural_similarity = pytest.importorskip("skimage.metrics", reason="extra [test]").structural_similarity
        one, other = noise(3, size), (noise(3, size) + noise(4, size)) / 2
        grey = [
            (x.double().numpy() * np.reshape([0.299, 0.587, 0.114], (1, 3, 1, 1))).sum(1) for x in (one, other)
        ]
        wanted = [
            structural_similarity(
                a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0, win_size=11
            )
            for a, b in zip(*grey, strict=True)
        ]
        assert ssim(one, other).tolist() == pytest.approx(wanted, abs=2e-4)

    def test_equal_pictures_have_one(self) -> None:
        assert ssim(noise(5), noise(5)).tolist() == pytest.approx([1, 1])

    def test_small_pictures_have_a_value(self) -> None:
        assert 0 < float(ssim(noise(6, (4, 5)), noise(7, (4, 5)))[0]) < 1


class TestEdges:
    def test_equal_edges_have_one_whatever_the_contrast(self) -> None:
        assert edge_correlation(noise(8) / 3 + 0.2, noise(8)).tolist() == pytest.approx([1, 1], abs=1e-5)

    def test_unrelated_noise_has_about_none(self) -> None:
        assert abs(float(edge_correlation(noise(9), noise(10)).mean())) < 0.1

    def test_agrees_with_numpy(self) -> None:
        scipy_ndimage = pytest.importorskip("scipy.ndimage")
        strengths = []
        for picture in (noise(11), noise(12)):
            grey = brightness(picture)[0]
            strengths.append(
                np.hypot(*(scipy_ndimage.sobel(grey, axis=axis, mode="nearest") for axis in (0, 1))).ravel()
            )
        wanted = np.corrcoef(*strengths)[0, 1]
        assert float(edge_correlation(noise(11), noise(12))[0]) == pytest.approx(wanted, abs=1e-4)

    def test_flat_pictures_have_a_value(self) -> None:
        flat = torch.full((2, 3, 16, 16), 0.5)
        assert edge_correlation(flat, flat).tolist() == [1, 1]
        assert edge_correlation(flat, noise(13, (16, 16))).tolist() == [0, 0]
