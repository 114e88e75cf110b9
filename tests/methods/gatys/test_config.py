from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import numpy as np
import pytest
import torch

from styletransfer.errors import OptionError
from styletransfer.methods.gatys.config import PRESETS, GatysConfig


def refused(message: str, **options: Any) -> None:
    with pytest.raises(OptionError, match=re.escape(message)):
        GatysConfig(**options)


class TestPresets:
    def test_inventory(self) -> None:
        assert set(PRESETS) == {"default", "strong", "gatys2016", "d2l", "d2l-two-stage"}

    @pytest.mark.parametrize("name", PRESETS)
    def test_each_is_valid_and_keeps_its_name(self, name: str) -> None:
        assert GatysConfig(**{"preset": name}).preset == name

    def test_no_options_give_the_defaults_of_the_fields(self) -> None:
        assert GatysConfig(**{}) == GatysConfig()

    def test_layer_weights_are_the_presets_unless_given(self) -> None:
        default, strong = GatysConfig(), GatysConfig(preset="strong")
        given = GatysConfig(layer_weights={"relu1_1": 2})
        layers = ("relu1_1", "relu4_1", "relu5_1")
        assert [default.layer_weight(layer) for layer in layers] == [1.0, 0.5, 0.25]
        assert [strong.layer_weight(layer) for layer in layers] == [1.0, 1.0, 1.0]
        assert [given.layer_weight(layer) for layer in layers] == [2.0, 1.0, 1.0]
        assert default.layer_weights == {"relu4_1": 0.5, "relu5_1": 0.25}
        assert default.replaced(style_layers="relu1_1").layer_weights == {"relu4_1": 0.5}  # of the content
        assert default.replaced(preset="strong").layer_weights is None
        assert given.replaced(steps=7).layer_weights == {"relu1_1": 2}
        assert default.replaced(layer_weights={}).layer_weights == {}

    def test_gatys2016_is_the_paper(self) -> None:
        config = GatysConfig(**{"preset": "gatys2016"})
        assert config.content_layers == ("conv4_2",)
        assert config.style_layers == ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
        assert (config.optimizer, config.init, config.pooling) == ("lbfgs", "noise", "avg")
        assert config.content_weight / config.style_weight == 1e-3
        assert config.tv_weight == 0
        assert config.loss_scale == "gatys2016"
        assert (config.color_weight, config.center_grams, config.pyramid) == (0, False, 0)

    def test_d2l_is_the_chapter(self) -> None:
        config = GatysConfig(**{"preset": "d2l"})
        assert config.content_layers == ("conv4_4",)
        assert config.style_layers == ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
        assert (config.content_weight, config.style_weight, config.tv_weight) == (1, 1e3, 10)
        assert (config.optimizer, config.learning_rate) == ("adam", 0.3)
        assert (config.decay, config.decay_every) == (0.8, 50)
        assert config.schedule == ((1.0, 500),)
        assert (config.loss_scale, config.variable, config.clamp) == ("mean", "imagenet", False)
        assert (config.color_weight, config.center_grams, config.pyramid) == (0, False, 0)

    def test_d2l_two_stage_starts_at_half_the_size(self) -> None:
        assert GatysConfig(**{"preset": "d2l-two-stage"}).schedule == ((0.5, 500), (1.0, 500))

    def test_options_override_a_preset(self) -> None:
        config = GatysConfig(**{"preset": "d2l", "tv_weight": 1, "steps": 7})
        assert (config.tv_weight, config.steps, config.style_weight) == (1.0, 7, 1e3)

    def test_presets_are_never_changed(self) -> None:
        before = {name: dict(options) for name, options in PRESETS.items()}
        GatysConfig(**{"preset": "d2l", "tv_weight": 1, "scales": (1.0,)})
        assert before == PRESETS

    def test_unknown(self) -> None:
        refused("Unknown preset 'd2'. Did you mean \"d2l\"?", preset="d2")
        refused("Unknown preset 3.", preset=3)


@pytest.mark.parametrize(
    ("options", "rate"),
    [
        ({}, 1.0),
        ({"optimizer": "adam"}, 0.02),
        ({"optimizer": "adam", "learning_rate": 1}, 1.0),
        ({"preset": "d2l"}, 0.3),
    ],
)
def test_the_step_length_follows_the_optimizer(options: dict[str, Any], rate: float) -> None:
    assert GatysConfig(**options).learning_rate == rate


class TestSchedule:
    @pytest.mark.parametrize("steps", [3, 9, 100, 501])
    def test_one_number_of_steps_is_divided_among_the_sizes(self, steps: int) -> None:
        schedule = GatysConfig(**{"scales": (0.25, 0.5, 1), "steps": steps}).schedule
        assert sum(n for _, n in schedule) == steps
        assert [n for _, n in schedule] == sorted(n for _, n in schedule)

    def test_the_default_division_is_the_presets(self) -> None:
        assert GatysConfig(**{"steps": 120}).schedule == GatysConfig(**{}).schedule == ((0.5, 34), (1.0, 86))

    def test_few_steps_leave_small_sizes_out(self) -> None:
        assert GatysConfig(**{"steps": 1}).schedule == ((1.0, 1),)

    def test_one_number_for_each(self) -> None:
        assert GatysConfig(**{"scales": [0.5, 1], "steps": [3, 4]}).schedule == ((0.5, 3), (1.0, 4))

    def test_a_single_scale_need_not_be_a_list(self) -> None:
        for scale in (1, 1.0, np.float32(1)):
            assert GatysConfig(**{"scales": scale, "steps": 2}).schedule == ((1.0, 2),)

    @pytest.mark.parametrize("preset", PRESETS)
    def test_scales_alone_keep_the_number_of_steps(self, preset: str) -> None:
        usual = sum(n for _, n in GatysConfig(**{"preset": preset}).schedule)
        chosen = GatysConfig(**{"preset": preset, "scales": (0.3, 0.6, 1)})
        assert [scale for scale, _ in chosen.schedule] == [0.3, 0.6, 1.0]
        assert sum(n for _, n in chosen.schedule) == usual

    @pytest.mark.parametrize("scales", [(1.0, 0.5), (0.5,), (0.5, 0.5, 1.0), ()])
    def test_scales_rise_and_end_in_one(self, scales: tuple[float, ...]) -> None:
        refused("scales must rise and end in 1, e.g. (0.5, 1)", scales=scales)

    @pytest.mark.parametrize("scales", [(0, 1), (0.5, 2), "1", None, True, (float("nan"), 1)])
    def test_scales_are_shares(self, scales: Any) -> None:
        refused("Each of scales must be", scales=scales)

    @pytest.mark.parametrize("steps", [0, -1, 1.5, True, "10", None, (5, 0)])
    def test_steps_are_whole_and_positive(self, steps: Any) -> None:
        refused(
            "steps must be a whole number of at least 1 and at most 10000000, got", scales=(0.5, 1.0), steps=steps
        )

    @pytest.mark.parametrize(("steps", "count"), [((), 0), ((1,), 1), ((1, 2, 3), 3)])
    def test_steps_fit_the_scales(self, steps: tuple[int, ...], count: int) -> None:
        refused(f"steps names {count} number(s) for 2 size(s) in scales.", scales=(0.5, 1.0), steps=steps)


class TestValues:
    def test_a_single_layer_need_not_be_a_list(self) -> None:
        config = GatysConfig(style_layers="relu1_1", content_layers=["relu4_2"])
        assert (config.style_layers, config.content_layers) == (("relu1_1",), ("relu4_2",))

    def test_layers_are_sorted_and_named_once(self) -> None:
        config = GatysConfig(style_layers=("relu3_1", "conv1_1", "relu3_1"))
        assert config.style_layers == ("conv1_1", "relu3_1")

    def test_numpy_numbers_become_plain(self) -> None:
        config = GatysConfig(
            style_weight=np.float32(0.5), scales=(1,), steps=np.int64(3), seed=np.uint8(4),
            style_mix=np.array([1, 3]), layer_weights={"relu1_1": np.float64(2)}, tv_weight=np.int32(1),
        )  # fmt: skip
        assert json.loads(json.dumps(dataclasses.asdict(config)))["style_weight"] == 0.5
        assert (config.steps, config.seed, config.style_mix) == (3, 4, (1.0, 3.0))
        assert config.layer_weights == {"relu1_1": 2.0}

    def test_is_frozen(self) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            GatysConfig().steps = 3  # type: ignore[misc]

    def test_takes_names_only(self) -> None:
        with pytest.raises(TypeError):
            GatysConfig("default")  # type: ignore[misc]

    def test_does_not_share_the_callers_dictionary(self) -> None:
        given = {"relu1_1": 2.0}
        config = GatysConfig(layer_weights=given)
        given["relu1_1"] = -1
        assert config.layer_weights == {"relu1_1": 2.0}

    def test_a_tensor_may_be_the_start(self) -> None:
        start = torch.rand(1, 3, 16, 16)
        assert GatysConfig(init=start).init is start

    def test_every_field_explains_itself(self) -> None:
        for field in dataclasses.fields(GatysConfig):
            assert field.metadata["help"], field.name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"style_wieght": 1}, "Method 'gatys' has no option 'style_wieght'. Did you mean \"style_weight\"?"),
        ({"alpha": 1}, "Method 'gatys' has no option 'alpha'."),
        ({"content_layers": "relu4"}, "Unknown layer 'relu4'."),
        ({"content_layers": ()}, "At least one layer is needed"),
        ({"style_layers": ["relu9_1"]}, "Unknown layer 'relu9_1'."),
        ({"style_layers": [4]}, "Unknown layer 4."),
        (
            {"layer_weights": {"relu2_2": 1}},
            "layer_weights has no option 'relu2_2'. Did you mean \"relu2_1\"?",
        ),
        ({"layer_weights": {"relu1_1": -1}}, "layer_weights['relu1_1'] must be of at least 0, got -1."),
        ({"layer_weights": [1, 2]}, "layer_weights must be a dictionary of layers and numbers"),
        ({"content_weight": -1}, "content_weight must be of at least 0, got -1."),
        ({"style_weight": float("inf")}, "style_weight must be of at least 0, got inf."),
        ({"tv_weight": "1"}, "tv_weight must be a number of at least 0, got '1'."),
        ({"tv_weight": True}, "tv_weight must be a number of at least 0, got True."),
        ({"content_weight": 0, "style_weight": 0}, "content_weight and style_weight are both 0"),
        ({"loss_scale": "sum"}, "Unknown loss_scale 'sum'."),
        ({"pooling": "average"}, "Unknown pooling 'average'. Did you mean \"avg\"?"),
        ({"optimizer": "LBFGS"}, "Unknown optimizer 'LBFGS'. Did you mean \"lbfgs\"?"),
        ({"learning_rate": 0}, "learning_rate must be above 0 and at most 1e+30, got 0."),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0 and at most 1e+30, got nan."),
        ({"decay": 1.5}, "decay must be above 0 and at most 1, got 1.5."),
        ({"decay_every": -1}, "decay_every must be a whole number of at least 0"),
        ({"variable": "lab"}, "Unknown variable 'lab'."),
        ({"center_grams": "yes"}, "center_grams must be True or False, got 'yes'."),
        ({"pyramid": 9}, "pyramid must be a whole number of at least 0 and at most 8, got 9."),
        ({"color_weight": -0.1}, "color_weight must be of at least 0, got -0.1."),
        ({"clamp": 1}, "clamp must be True or False, got 1."),
        ({"init": "nosie"}, "Unknown init (a name, a file or a picture) 'nosie'. Did you mean \"noise\"?"),
        (
            {"init": 0.5},
            "Unknown init (a name, a file or a picture) 0.5. Choose one of: content, noise, style, adain.",
        ),
        ({"tolerance": 2}, "tolerance must be in [0, 1], got 2."),
        ({"patience": 0}, "patience must be a whole number of at least 1"),
        ({"retries": -1}, "retries must be a whole number of at least 0"),
        ({"retries": 1.0}, "retries must be a whole number of at least 0"),
        ({"seed": -3}, "seed must be a whole number of at least 0"),
        ({"seed": 2**63}, "seed must be a whole number of at least 0"),
        ({"style_mix": (1, 0)}, "Each number of style_mix must be above 0, got 0."),
        (
            {"style_mix": "1,2"},
            "style_mix must be a list with one number per style, e.g. (0.7, 0.3), got '1,2'.",
        ),
        ({"style_mix": 0.5}, "style_mix must be a list with one number per style"),
    ],
)
def test_bad_values_are_refused_in_one_sentence(options: dict[str, Any], message: str) -> None:
    refused(message, **options)
