from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styletransfer import fields
from styletransfer.controls import Controls
from styletransfer.errors import OptionError
from styletransfer.fields import list_fields, read_text, show
from styletransfer.method import Method
from styletransfer.methods import METHODS


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (True, "on"),
        (0.1, "0.1"),
        ((0.5, 1.0), "0.5,1"),
        ("lbfgs", "lbfgs"),
        (3, "3"),
        ({"a": 2.0}, "a=2"),
    ],
)
def test_values_are_shown_as_typed(value: object, text: str) -> None:
    assert show(value) == text


@pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))
def test_every_field_of_a_method_has_a_kind_and_a_span_around_its_default(method: Method) -> None:
    for field in [*list_fields(method.config), *list_fields(Controls)]:
        assert field.help
        if field.span is not None:
            default = sum(field.default) if isinstance(field.default, tuple) else field.default
            assert field.span[0] <= default <= field.span[1], field.name


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=4))
def test_numbers_are_read_as_they_are_shown(numbers: list[float]) -> None:
    assert read_text(show(tuple(numbers)), fields.NUMBERS, "scales") == tuple(numbers)


def test_texts_of_each_kind() -> None:
    assert read_text("relu1_1=2, relu4_1=0.5", fields.WEIGHTS, "layer_weights") == {"relu1_1": 2.0, "relu4_1": 0.5}
    assert read_text("7", fields.INTEGERS, "steps") == 7
    assert read_text("3,4", fields.INTEGERS, "steps") == (3, 4)
    assert read_text("relu1_1, conv2_1", fields.NAMES, "layers") == ("relu1_1", "conv2_1")
    assert read_text("anything", fields.NAME, "name") == "anything"


@pytest.mark.parametrize(
    ("text", "kind"),
    [("a,b", fields.NUMBERS), ("relu1_1:2", fields.WEIGHTS), ("1.5", fields.INTEGER), ("", fields.NUMBER)],
)
def test_a_text_that_cannot_be_read_names_an_example(text: str, kind: fields.Kind) -> None:
    with pytest.raises(OptionError, match=r"scales is '.*', which cannot be read; write it like"):
        read_text(text, kind, "scales")
