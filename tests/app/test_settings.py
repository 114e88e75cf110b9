from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from click.testing import CliRunner

from styletransfer.app.limits import Limits
from styletransfer.app.settings import (
    Settings,
    as_option,
    control_fields,
    form_fields,
    preset_values,
    quick_first,
    read_form,
)
from styletransfer.cli import main
from styletransfer.errors import OptionError
from styletransfer.method import Method
from styletransfer.methods import METHODS
from styletransfer.methods.gatys.config import GATYS, PRESETS

LIMITS = Limits(long_edge=512)


def read(**changes: Any) -> Settings:
    """A form as it is first shown, with changes."""
    form: dict[str, Any] = {
        "methods": list(METHODS),
        "long_edge": 256,
        "strength": 1,
        "controls": {field.name: field.default for field in control_fields()},
        "options": {name: preset_values(method) for name, method in METHODS.items()},
    }
    return read_form(LIMITS, **{**form, **changes})


def test_an_untouched_form_asks_for_nothing_special() -> None:
    settings = read()
    assert settings.options == {name: {} for name in METHODS}
    assert settings.methods == ("adain", "gatys")  # what takes a moment is shown first


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_that_fills_the_form_is_asked_for_alone(preset: str) -> None:
    held = {"gatys": preset_values(GATYS, preset) | {"preset": preset}}
    expected = {} if preset == "default" else {"preset": preset}
    assert read(methods=["gatys"], options=held).options["gatys"] == expected


@pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))
def test_what_a_form_holds_gives_the_same_config(method: Method) -> None:
    """The values of widgets, taken for changed ones, mean what the defaults mean."""
    held = preset_values(method)
    given = {field.name: as_option(held[field.name], field) for field in form_fields(method) if held[field.name]}
    config = method.configure(given)[0]
    assert method.plan(config, (192, 256)) == method.plan(method.config(), (192, 256))
    usual = {
        name: getattr(config, name) for name in given if name not in ("steps", *(p.name for p in method.parts))
    }
    assert usual == {name: getattr(method.config(), name) for name in usual}


def test_changes_of_every_kind_reach_the_method() -> None:
    held = preset_values(GATYS) | {
        "style_weight": 20.0,
        "steps": 40.0,  # as browsers send whole numbers
        "style_layers": ["relu1_1", "relu3_1"],
        "layer_weights": "relu1_1=2",
        "scales": "1",
        "learning_rate": "0.5",
        "optimizer": "adam",
        "clamp": False,
        "pooling": "avg",
    }
    controls = {field.name: field.default for field in control_fields()} | {
        "detail": 0.5,
        "preserve_color": "linear",
    }
    settings = read(methods=["gatys"], options={"gatys": held}, controls=controls, strength=0.5)
    asked = settings.options["gatys"]
    assert asked == {
        "style_weight": 20.0,
        "steps": 40,
        "style_layers": ("relu1_1", "relu3_1"),
        "layer_weights": {"relu1_1": 2.0},
        "scales": (1.0,),
        "learning_rate": 0.5,
        "optimizer": "adam",
        "clamp": False,
        "pooling": "avg",
        "detail": 0.5,
        "preserve_color": "linear",
    }
    config, _, chosen = GATYS.configure(asked)
    assert config.steps == 40
    assert chosen.detail == 0.5
    json.dumps(settings.to_dict(), allow_nan=False)


def test_commands_are_understood_by_the_command_line() -> None:
    held = preset_values(GATYS) | {"clamp": False, "scales": "1", "steps": 2, "layer_weights": "relu1_1=2"}
    settings = read(methods=["gatys"], options={"gatys": held}, strength=0.5, long_edge=64)
    (command,) = settings.commands("no photo.jpg", "night", "kept.png")
    words = shlex.split(command)
    assert words[:4] == ["styletransfer", "stylize", "no photo.jpg", "night"]
    result = CliRunner().invoke(main, words[1:])
    assert 'no photo.jpg" does not exist' in result.output  # every option was taken


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"methods": []}, "No method is chosen"),
        ({"methods": ["waifu"]}, "Unknown method 'waifu'"),
        ({"methods": ["adain", "adain"]}, "stands twice"),
        ({"long_edge": 513}, "long_edge must be a whole number of at least 64 and at most 512, got 513"),
        ({"long_edge": 100.5}, "long_edge must be a whole number"),
        ({"long_edge": None}, "long_edge must be a whole number"),
        ({"strength": 1.5}, r"strength must be in \[0, 1\]"),
        ({"strength": "much"}, "strength must be a number"),
        ({"controls": {"style_scale": 100}}, "style_scale must be"),
        ({"options": {"adain": {"alpha": 7}}}, "alpha must be"),
        ({"options": {"adain": {"passes": "many"}}}, "passes is 'many', which cannot be read"),
        ({"options": {"gatys": {"preset": "best"}}}, "Unknown preset 'best'"),
        ({"options": {"gatys": {"style_layers": ["relu9_9"]}}}, "Unknown layer 'relu9_9'"),
        ({"options": {"gatys": {"scales": "0.5;1"}}}, "scales is '0.5;1', which cannot be read"),
        ({"options": {"gatys": {"steps": 0}}}, "steps must be a whole number"),
        ({"options": {"gatys": {"init": "/etc/hostname"}}}, "Unknown init '/etc/hostname'"),
        ({"options": {"gatys": {"style_layers": 3}}}, "style_layers must be a list of names, got 3"),
        ({"options": {"adain": {"decoder": "/etc/hostname"}}}, "Unknown decoder '/etc/hostname'"),
        ({"methods": True}, "methods must be a list of names, got True"),
        ({"methods": 0.5}, "methods must be a list of names"),
        ({"controls": {"preserve_color": "sepia"}}, "Unknown preserve_color 'sepia'"),
    ],
)
def test_wrong_values_are_told_before_anybody_waits(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        read(**changes)


def test_names_that_look_like_options_are_files_in_commands() -> None:
    (command,) = Settings(methods=("adain",), long_edge=64, strength=0.123456789).commands(
        "-d.png", "--x.png", "-m"
    )
    assert shlex.split(command)[2:4] == ["./-d.png", "./--x.png"]
    assert command.endswith("--strength 0.123456789 --preserve ./-m")


def test_what_cannot_be_stopped_is_not_offered() -> None:
    assert "engine" not in {field.name for method in METHODS.values() for field in form_fields(method)}


def test_made_up_methods_have_a_form_too(made_up: Method) -> None:
    assert made_up.name in quick_first()
    settings = read(methods=[made_up.name], options={made_up.name: {"amount": 0.5}})
    assert settings.options[made_up.name] == {"amount": 0.5}
