"""From declared options to Gradio's widgets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from styletransfer import fields
from styletransfer.app.settings import UNSET, is_typed
from styletransfer.errors import OptionError
from styletransfer.fields import Field
from styletransfer.layers import LAYERS

#: Positions of a slider.
_POSITIONS = 100


def picture_upload(**settings: Any) -> gr.Image:
    """Return a place for a picture; reading its file, and refusing it, is ours (`uploaded`)."""
    return gr.Image(type="filepath", image_mode=None, sources=["upload", "clipboard"], **settings)


def uploaded(payload: Any) -> Path | None:
    """Return the file of what a `picture_upload` holds, as it comes from the browser; None if it is empty.

    Raises:
        OptionError: A picture within the message itself, or something else that was not uploaded.
    """
    if payload is None:
        return None
    path = payload.get("path") if isinstance(payload, dict) else None
    if not isinstance(path, str) or not path or str(payload.get("url") or "").startswith("data:"):
        raise OptionError("A picture is uploaded as a file; this one was not.")
    return Path(path)


def widget(declared: Field, value: Any) -> Any:
    """Return the widget of an option; its label is the option's name in Python."""
    common: dict[str, Any] = {"label": declared.name, "info": _sentence(declared.help)}
    if declared.kind is fields.FLAG:
        return gr.Checkbox(value=bool(value), **common)
    if declared.kind is fields.NAMES:
        return gr.Dropdown(
            [layer.relu for layer in LAYERS] + [layer.conv for layer in LAYERS],
            value=value,
            multiselect=True,
            **common,
        )
    if declared.choices:
        unset: list[Any] = [("not set", UNSET)] if declared.default is None else []
        return gr.Dropdown([*unset, *((name, name) for name in declared.choices)], value=value, **common)
    if declared.span is not None:
        low, high = declared.span
        whole = declared.kind in (fields.INTEGER, fields.INTEGERS)
        step = 1 if whole else (high - low) / _POSITIONS
        return gr.Slider(low, high, value=value, step=step, **common)
    if is_typed(declared) or declared.kind is fields.NAME:
        return gr.Textbox(value=value, placeholder=_example(declared), **common)
    return gr.Number(value=value, **common)


def _example(declared: Field) -> str:
    return f"e.g. {declared.kind.example}" if declared.kind.example else ""


def refilled(declared: Field, value: Any) -> Any:
    """Return the update that puts a value into an option's widget; a slider that is too short for it grows."""
    if declared.span is None:
        return value
    return gr.Slider(value=value, maximum=max(declared.span[1], value))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
