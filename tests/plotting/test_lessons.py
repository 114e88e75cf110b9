"""Figures for lessons: pictures, feature maps, Gram matrices, receptive fields."""

from __future__ import annotations

import pytest
import torch

from styletransfer import plotting
from styletransfer.errors import OptionError


def test_pictures_stand_under_their_names() -> None:
    named = {f"picture {n}": torch.rand(1, 3, 12, 16) for n in range(7)}
    figure = plotting.pictures(named)
    assert [axes.get_title(loc="left") for axes in figure.axes] == list(named)
    with pytest.raises(OptionError, match="There is no picture to show"):
        plotting.pictures({})


def test_feature_maps_are_those_that_vary_most() -> None:
    features = torch.zeros(1, 6, 4, 5)
    features[0, 4, 0, 0], features[0, 1, 0, 0] = 9.0, 5.0
    figure = plotting.feature_maps(features, count=2, title="relu4_1")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["channel 4", "channel 1"]
    assert figure.get_suptitle() == "relu4_1: 2 of 6 channels, 5\N{MULTIPLICATION SIGN}4 values each"


def test_outliers_do_not_make_a_feature_map_black() -> None:
    features = torch.linspace(0, 1, 400).view(1, 1, 20, 20).clone()
    features[0, 0, 0, 0] = 1000.0
    (drawn,) = plotting.feature_maps(features, count=1).axes[0].images
    low, high = drawn.get_clim()
    assert 0 < low < 0.02
    assert 0.98 < high < 1.01


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_map_with_one_spot_and_a_flat_one_are_drawn(dtype: torch.dtype) -> None:
    features = torch.zeros(1, 2, 20, 20, dtype=dtype)
    features[0, 0, 3, 3] = 5
    spot, flat = (axes.images[0] for axes in plotting.feature_maps(features, count=2).axes)
    assert spot.get_clim() == (0, 5)
    assert flat.get_array().max() == 0


class TestGramMaps:
    def test_strong_channels_come_first_and_the_scale_is_shared(self) -> None:
        first, second = (
            torch.diag(torch.tensor(diagonal))[None] for diagonal in ([1.0, 4.0, 2.0], [3.0, 1.0, 8.0])
        )
        one, two, bar = plotting.gram_maps({"photo": first, "painting": second}).axes
        assert one.images[0].get_array().diagonal().tolist() == [4, 2, 1]
        assert two.images[0].get_array().diagonal().tolist() == [1, 8, 3]  # in the order of the first
        assert one.images[0].get_clim() == two.images[0].get_clim() == pytest.approx((8e-4, 8))
        assert [one.get_xlabel(), two.get_xlabel()] == ["channels, strongest first", "channels, in the same order"]
        assert bar.get_ylabel() == "Gram entry"

    def test_layers_have_an_order_each(self) -> None:
        grams = {str(size): torch.diag(torch.arange(1.0, size + 1))[None] for size in (2, 3)}
        axes = plotting.gram_maps(grams).axes
        assert [each.images[0].get_array()[0, 0] for each in axes[:2]] == [2, 3]

    def test_dead_channels_and_empty_matrices_are_drawn(self) -> None:
        figure = plotting.gram_maps({"dead": torch.zeros(1, 4, 4)})
        figure.draw_without_rendering()
        with pytest.raises(OptionError, match="There is no Gram matrix to show"):
            plotting.gram_maps({})


class TestReceptiveFields:
    def test_a_field_beyond_the_picture_is_seen_whole(self) -> None:
        axes = plotting.receptive_fields(torch.rand(1, 3, 96, 128), ["relu1_1", "relu5_1"]).axes[0]
        small, large = axes.patches
        assert small.get_bbox().bounds == (62, 46, 3, 3)
        assert large.get_width() == 156
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        assert left < large.get_x()
        assert right > large.get_x() + 156
        assert top < large.get_y()
        assert bottom > large.get_y() + 156

    def test_the_legend_covers_nothing(self) -> None:
        figure = plotting.receptive_fields(torch.rand(1, 3, 64, 64), ["relu1_1", "relu3_1"], at=(0.2, 0.8))
        figure.draw_without_rendering()
        (legend,) = figure.legends
        assert [text.get_text() for text in legend.get_texts()] == [
            "relu1_1: 3\N{MULTIPLICATION SIGN}3",
            "relu3_1: 24\N{MULTIPLICATION SIGN}24",
        ]
        assert not legend.get_window_extent().overlaps(figure.axes[0].get_window_extent())

    def test_unknown_layers_are_refused(self) -> None:
        with pytest.raises(OptionError, match="Unknown layer 'relu3_9'"):
            plotting.receptive_fields(torch.rand(1, 3, 64, 64), ["relu3_9"])
