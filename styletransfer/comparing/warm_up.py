"""One untimed step before the clock runs: first calls set up threads, kernels and memory."""

from __future__ import annotations

import copy
import dataclasses

from styletransfer import images
from styletransfer.controls import Controls
from styletransfer.errors import StylizeInterrupted
from styletransfer.images import Picture
from styletransfer.stylizer import Step, Stylizer, is_name

#: Longer side of the warm-up's pictures, pixels.
WARM_UP_EDGE = 64


class _WarmError(Exception):
    """Ends a warm-up after its first step."""


def warm_up(stylizer: Stylizer, content: Picture, style: Picture) -> None:
    """Take one step on small pictures, whatever the method."""

    def stop(_: Step) -> None:
        raise _WarmError

    small = []
    for picture in (content, style):
        height, width = picture.rgb.shape[2:]
        scale = min(1.0, WARM_UP_EDGE / max(height, width))
        small_height, small_width = (max(images.SMALLEST_SIDE, round(side * scale)) for side in (height, width))
        small.append(Picture(rgb=images.resize(picture.rgb, (small_height, small_width))))
    try:
        _plain(stylizer).stylize(small[0], small[1], on_step=stop)
    except _WarmError:
        return
    except StylizeInterrupted:  # its picture is the warm-up's, which nobody wants
        raise KeyboardInterrupt from None


def _plain(stylizer: Stylizer) -> Stylizer:
    """Return the stylizer without controls, and without the pictures among its options, of the content's size."""
    changes = {
        field.name: field.default
        for field in dataclasses.fields(stylizer.config)
        if field.metadata["picture"]
        and not is_name(getattr(stylizer.config, field.name), field.metadata["choices"] or ())
    }
    other = copy.copy(stylizer)
    other.controls = Controls()  # which may want masks, or more of the style than a small picture has
    if changes:
        other.config = stylizer.config.replaced(**changes)
    return other
