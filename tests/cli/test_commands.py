"""The other commands: info, weights, doctor, help and version; and the options they share."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import styletransfer
from styletransfer.cli import main
from styletransfer.cli.options import list_options, options_for
from styletransfer.errors import OptionError
from styletransfer.methods import METHODS
from styletransfer.methods.gatys.config import PRESETS, GatysConfig


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


def test_version_and_help() -> None:
    assert run("--version").stdout.strip().endswith(styletransfer.__version__)
    helped = run("--help")
    assert helped.exit_code == 0
    for command in ("stylize", "compare", "demo", "weights", "doctor", "info"):
        assert command in helped.stdout


@pytest.mark.parametrize("method", METHODS)
def test_every_config_field_is_an_option_with_its_default(method: str) -> None:
    config = METHODS[method].config
    options = {option.name: option for option in list_options(method)}
    for field in dataclasses.fields(config):
        assert options[field.name].default in (None, getattr(config(), field.name))
        assert options[field.name].help
    listed = run("info", method).stdout
    assert all(option.flag in listed and option.help in listed for option in options.values())


def test_info_without_a_method_lists_what_can_be_chosen() -> None:
    text = run("info").stdout
    for name in (*METHODS, "vgg19-lite", "vgg19-normalised", "lite", "pytorch-adain"):
        assert name in text


def test_info_lists_the_judges() -> None:
    assert re.search(r"vgg19-lite-1 .*\(default\)", run("info").stdout.partition("Judges (--judge):")[2])


def test_info_lists_the_presets_as_they_would_be_typed() -> None:
    text = run("info", "gatys").stdout
    assert all(preset in text for preset in PRESETS)
    assert "--no-clamp" in text
    assert "--scales 0.5,1" in text


def test_info_json_and_unknown_method() -> None:
    described = json.loads(run("info", "gatys", "--json").stdout)
    defaults = {option["name"]: option["default"] for option in described["options"]}
    assert defaults["style_weight"] == GatysConfig().style_weight
    assert set(described["presets"]) == set(PRESETS)
    failed = run("info", "gats")
    assert failed.exit_code == 2
    assert 'Did you mean "gatys"' in failed.stderr


def test_weights_list_and_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STYLETRANSFER_HOME", str(tmp_path))
    listed = {status["name"]: status for status in json.loads(run("weights", "list", "--json").stdout)}
    assert listed["vgg19-lite"]["state"] == "embedded"
    assert listed["vgg19"]["state"] == "absent"
    assert "vgg19-normalised" in run("weights", "list").stdout
    assert run("weights", "path").stdout.strip() == str(tmp_path)
    assert run("weights", "path", "vgg19-normalised").stdout.strip() == str(tmp_path / "vgg_normalised.pth")
    assert run("weights", "path", "vgg").exit_code == 2


def test_weights_verify_finds_a_damaged_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STYLETRANSFER_HOME", str(tmp_path))
    sound = run("weights", "verify", "vgg19-lite")
    assert sound.exit_code == 0
    assert sound.stdout.startswith("ok")
    (tmp_path / "decoder.pth").write_bytes(b"damaged")
    broken = run("weights", "verify")
    assert broken.exit_code == 1
    assert "pytorch-adain" in broken.stderr
    assert "weights fetch pytorch-adain --force" in broken.stderr


def test_weights_fetch_of_an_embedded_set_needs_no_network() -> None:
    result = run("weights", "fetch", "vgg19-lite")
    assert result.exit_code == 0
    assert result.stdout.startswith("vgg19-lite: ")


def test_weights_fetch_knows_its_names() -> None:
    result = run("weights", "fetch", "vgg19-light")
    assert result.exit_code == 2
    assert "Did you mean" in result.stderr


def test_doctor_is_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STYLETRANSFER_HOME", str(tmp_path))
    report = json.loads(run("doctor", "--json").stdout)
    assert [check["check"] for check in report["checks"] if not check["ok"]] == []
    assert report["ok"] is True
    assert {"device", "colour map", "order of the colours", "method gatys", "method adain"} <= {
        check["check"] for check in report["checks"]
    }


def test_doctor_names_what_is_wrong_and_its_cure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("STYLETRANSFER_HOME", str(tmp_path / "file"))
    result = run("doctor", "--quiet")
    assert result.exit_code == 1
    assert result.stdout.startswith("FAIL  cache folder")
    assert "STYLETRANSFER_HOME" in result.stdout
    assert "ok " not in result.stdout


def test_doctor_sees_swapped_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    from styletransfer.features import create_extractor

    swapped = create_extractor("vgg19-lite", device="cpu")
    swapped.color_matrix.copy_(swapped.color_matrix.flip(0))
    monkeypatch.setattr("styletransfer.cli.doctor._extractor", lambda: swapped)
    result = run("doctor")
    assert result.exit_code == 1
    assert "FAIL  colour map: pure red becomes" in result.stdout


def test_options_for_gives_each_method_its_own() -> None:
    chosen = {"steps": 3, "alpha": 0.5, "seed": 1, "style_mix": None}
    assert options_for(["gatys", "adain"], chosen) == {
        "gatys": {"steps": 3, "seed": 1},
        "adain": {"alpha": 0.5},
    }
    with pytest.raises(OptionError, match="--alpha is an option of adain, not of gatys"):
        options_for(["gatys"], {"alpha": 0.5})


def test_commands_are_click_s() -> None:
    assert isinstance(main, click.Group)
