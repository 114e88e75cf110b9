"""The gates that arguments pass: what they let through, and the sentence they refuse with."""

from __future__ import annotations

import math
import re
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import styletransfer
from styletransfer._checks import (
    choice,
    did_you_mean,
    flag,
    integer,
    known_options,
    mix,
    number,
    style_shares,
)
from styletransfer.errors import OptionError, StyleTransferError

METHODS = ("gatys", "adain")


def refusal(message: str) -> AbstractContextManager[object]:
    return pytest.raises(OptionError, match=f"^{re.escape(message)}$")


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("gaty", ' Did you mean "gatys"?'),
        ("GATYS", ' Did you mean "gatys"?'),
        ("adian", ' Did you mean "adain"?'),
        ("gates", ' Did you mean "gatys"?'),
        ("Adain2", ' Did you mean "adain"?'),
        ("and", ""),  # two of its letters are those of "adain"
        ("gram", ""),
        ("xyz", ""),
        ("", ""),
    ],
)
def test_did_you_mean(value: str, hint: str) -> None:
    assert did_you_mean(value, METHODS) == hint
    assert did_you_mean(value, []) == ""


def test_did_you_mean_takes_the_nearest() -> None:
    assert did_you_mean("relu4_1x", ["relu1_1", "relu4_1", "relu4_2"]) == ' Did you mean "relu4_1"?'


def test_did_you_mean_keeps_the_case_of_the_option() -> None:
    assert did_you_mean("BATHING.png", ["Bathing.PNG", "x"]) == ' Did you mean "Bathing.PNG"?'


def test_choice() -> None:
    assert choice("adain", METHODS, "method") == "adain"
    assert choice("adain", iter(METHODS), "method") == "adain"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("adian", """Unknown method 'adian'. Did you mean "adain"? Choose one of: gatys, adain."""),
        ("Adain", """Unknown method 'Adain'. Did you mean "adain"? Choose one of: gatys, adain."""),
        ("xyz", "Unknown method 'xyz'. Choose one of: gatys, adain."),
        (None, "Unknown method None. Choose one of: gatys, adain."),
        (3, "Unknown method 3. Choose one of: gatys, adain."),
        (["adain"], "Unknown method ['adain']. Choose one of: gatys, adain."),
    ],
)
def test_choice_refuses(value: object, message: str) -> None:
    with refusal(message):
        choice(value, METHODS, "method")


def test_known_options() -> None:
    known_options([], ["steps"], "gatys")
    known_options(["seed", "steps"], iter(["steps", "seed"]), "gatys")
    with refusal("""gatys has no option 'step'. Did you mean "steps"? It has: steps, seed."""):
        known_options(["steps", "step", "sed"], ["steps", "seed"], "gatys")


@pytest.mark.parametrize("value", [0, 1, 0.0, 0.25, 1.0, np.float32(0.5), np.int64(1)])
def test_number(value: float) -> None:
    result = number(value, "alpha", low=0.0, high=1.0)
    assert result == value
    assert type(result) is float


@pytest.mark.parametrize(
    ("limits", "value", "message"),
    [
        ({"low": 0.0, "high": 1.0}, 1.5, "alpha must be in [0, 1], got 1.5."),
        ({"low": 0.0, "high": 1.0}, -0.001, "alpha must be in [0, 1], got -0.001."),
        ({"low": 0.0, "high": 1.0}, "0.5", "alpha must be a number in [0, 1], got '0.5'."),
        ({"low": 0.0, "high": 1.0}, True, "alpha must be a number in [0, 1], got True."),
        ({"low": 0.0, "high": 1.0}, None, "alpha must be a number in [0, 1], got None."),
        ({"low": 0.0, "high": 1.0}, math.nan, "alpha must be in [0, 1], got nan."),
        ({"above": 0.0}, 0, "alpha must be above 0, got 0."),
        ({"above": 0.0, "high": 4.0}, 0.0, "alpha must be above 0 and at most 4, got 0.0."),
        ({"above": 0.0, "high": 4.0}, 4.1, "alpha must be above 0 and at most 4, got 4.1."),
    ],
)
def test_number_refuses(limits: dict[str, float], value: object, message: str) -> None:
    with refusal(message):
        number(value, "alpha", **limits)


@pytest.mark.parametrize(
    ("limits", "value", "wanted"),
    [
        ({"low": 0.0}, -1, "of at least 0, got -1."),
        ({"low": 0.0}, math.inf, "of at least 0, got inf."),
        ({"high": 2.5}, 3, "of at most 2.5, got 3."),
        ({}, math.inf, "that is finite, got inf."),
        ({}, "x", "that is finite, got 'x'."),
    ],
)
def test_number_with_one_limit_or_none(limits: dict[str, float], value: object, wanted: str) -> None:
    with pytest.raises(OptionError, match=rf"^alpha must be .*{re.escape(wanted)}$"):
        number(value, "alpha", **limits)


def test_number_takes_the_limits_themselves() -> None:
    assert number(1e-9, "x", above=0.0) == 1e-9
    assert number(4, "x", above=0.0, high=4.0) == 4.0
    assert number(-1e300, "x") == -1e300


@pytest.mark.parametrize("value", [1, 5, 10, np.int64(5), np.uint8(10)])
def test_integer(value: int) -> None:
    result = integer(value, "steps", low=1, high=10)
    assert result == value
    assert type(result) is int
    assert integer(value, "steps", low=1) == value


@pytest.mark.parametrize("value", [0, -1, 11, 2.0, "2", True, None, math.nan])
def test_integer_refuses(value: object) -> None:
    with refusal(f"steps must be a whole number of at least 1 and at most 10, got {value!r}."):
        integer(value, "steps", low=1, high=10)


def test_integer_without_upper_limit() -> None:
    assert integer(10**9, "steps", low=1) == 10**9
    with refusal("steps must be a whole number of at least 1, got 0."):
        integer(0, "steps", low=1)


def test_mix_defaults_to_equal_shares() -> None:
    assert mix(None, 1) == (1.0,)
    assert mix(None, 4) == (0.25, 0.25, 0.25, 0.25)


def test_mix_is_scaled() -> None:
    assert mix([1, 3], 2) == (0.25, 0.75)
    assert mix((0.5,), 1) == (1.0,)


@settings(deadline=None)
@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=8))
def test_mix_sums_to_one_and_keeps_proportions(values: list[float]) -> None:
    shares = mix(values, len(values))
    assert math.fsum(shares) == pytest.approx(1, abs=1e-12)
    for share, value in zip(shares, values, strict=True):
        assert share / shares[0] == pytest.approx(value / values[0])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0], "style_mix needs one number per style: got 1 for 2 style(s)."),
        ([1.0, 1.0, 1.0], "style_mix needs one number per style: got 3 for 2 style(s)."),
        ([], "style_mix needs one number per style: got 0 for 2 style(s)."),
        ([1.0, 0.0], "Each number of style_mix must be above 0, got 0.0."),
        ([1.0, -1.0], "Each number of style_mix must be above 0, got -1.0."),
        ([1.0, math.nan], "Each number of style_mix must be above 0, got nan."),
        ([1.0, "1"], "Each number of style_mix must be a number above 0, got '1'."),
    ],
)
def test_mix_refuses(values: list[float], message: str) -> None:
    with refusal(message):
        mix(values, 2)


def test_mix_of_numpy_numbers() -> None:
    assert mix(np.array([1.0, 3.0], dtype=np.float32), 2) == (0.25, 0.75)  # type: ignore[arg-type]


def test_style_shares() -> None:
    assert style_shares(None) is None
    assert style_shares([1, 3]) == (1.0, 3.0)  # not scaled: the number of styles is not known yet


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("0.7", "style_mix must be a list with one number per style, e.g. (0.7, 0.3), got '0.7'."),
        (0.7, "style_mix must be a list with one number per style, e.g. (0.7, 0.3), got 0.7."),
        ([0.7, 0], "Each number of style_mix must be above 0, got 0."),
    ],
)
def test_style_shares_refuses(values: object, message: str) -> None:
    with refusal(message):
        style_shares(values)


def test_flag() -> None:
    assert flag(True, "preserve_color") is True
    assert flag(False, "preserve_color") is False


@pytest.mark.parametrize("value", [1, 0, "True", None, np.bool_(True)])
def test_flag_refuses(value: object) -> None:
    with refusal(f"preserve_color must be True or False, got {value!r}."):
        flag(value, "preserve_color")


def test_refusals_are_ours_and_value_errors() -> None:
    assert issubclass(OptionError, StyleTransferError)
    assert issubclass(OptionError, ValueError)


def test_a_whole_number_beyond_all_floats_is_out_of_range() -> None:
    with pytest.raises(OptionError, match=r"alpha must be in \[0, 1\]"):
        number(10**400, "alpha", low=0, high=1)


def test_a_long_value_is_quoted_in_part() -> None:
    with pytest.raises(OptionError) as caught:
        choice(["x" * 50] * 50, ["a"], "method")
    assert len(str(caught.value)) < 300


def test_warnings_point_at_the_user_s_line() -> None:
    content, style, mask = torch.rand(1, 3, 32, 40), torch.rand(1, 3, 32, 32), torch.ones(1, 3, 64, 32)
    with pytest.warns(UserWarning, match="it is stretched to fit") as caught:
        styletransfer.stylize(content, style, masks=[mask], device="cpu")
    assert [Path(each.filename).name for each in caught] == ["test_checks.py"]
