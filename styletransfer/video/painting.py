"""Frames painted one after the other: each knows the frame before it, unless a cut lies between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from torch import Tensor

from styletransfer.images import Picture
from styletransfer.stylizer import Carry, EncodedStyle, Stylizer
from styletransfer.video.blending import blend
from styletransfer.video.clips import Frame
from styletransfer.video.flicker import Flicker, warping_error
from styletransfer.video.flow import Motion, motion_between, warp
from styletransfer.video.scenes import is_cut
from styletransfer.video.schedule import Schedule

#: Share of the steps that frames between key frames take.
BETWEEN = 0.15
#: Broken frames that are named; the others are counted.
_NAMED = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class State:
    """What a frame leaves for the next one.

    Attributes:
        stylized: As it is written, (1, 3, H, W); None at the start.
        plain: As the method painted it.
        carried: See `Carry`.
        flicker: Of all pairs so far.
        cuts: Indices of the frames that begin a scene, without the first.
        broken: What could not be read, as sentences; the first ones.
        broken_count: How many there were.
    """

    stylized: Tensor | None = None
    plain: Tensor | None = None
    carried: Mapping[str, Tensor] = field(default_factory=dict)
    flicker: Flicker = field(default_factory=Flicker)
    cuts: tuple[int, ...] = ()
    broken: tuple[str, ...] = ()
    broken_count: int = 0


class Painter:
    """Paints the frames of a clip in their order.

    Args:
        stylizer: What paints.
        styles: Pictures, or encoded styles.
        smoothing: In [0, 1): share of the previous result, moved along, in the next where the motion is known.
        strength: How much of the style is wanted, over time.
        measures: Whether motion is looked for at all; smoothing needs it.
        start: Time of the clip's first frame.
        key_every: Every so many frames of a scene a method of many steps takes all of them, from the previous
            result; the frames between take a share of `BETWEEN`.
    """

    def __init__(
        self,
        stylizer: Stylizer,
        styles: Sequence[Picture | EncodedStyle],
        *,
        smoothing: float,
        strength: Schedule,
        measures: bool,
        start: Fraction = Fraction(0),
        key_every: int = 1,
    ) -> None:
        self._stylizer, self._styles = stylizer, encoded_once(stylizer, styles)
        self._smoothing, self._strength, self._measures = smoothing, strength, measures
        self._start, self._key_every = start, key_every

    def paint(self, frame: Frame, before: Frame | None, state: State) -> State:
        """Return what there is after a frame; its picture is ``state.stylized``.

        Args:
            frame: The one to be painted.
            before: The one before it, None for the first.
            state: As the frame before left it.
        """
        if frame.broken is not None:
            said = f"frame {frame.index} ({float(frame.time):.2f} s): {frame.broken}"
            named = (*state.broken, said) if state.broken_count < _NAMED else state.broken
            state = dataclasses.replace(state, broken=named, broken_count=state.broken_count + 1)
            if state.stylized is not None:
                return state
        if before is not None and is_cut(before.rgb, frame.rgb):
            state = dataclasses.replace(
                state, stylized=None, plain=None, carried={}, cuts=(*state.cuts, frame.index)
            )
        return self._painted(frame, before, state)

    def _painted(self, frame: Frame, before: Frame | None, state: State) -> State:
        motion, moved = None, None
        if self._measures and before is not None and state.stylized is not None:
            motion = motion_between(before.rgb, frame.rgb)
            moved = warp(state.stylized, motion.backward)
        plain, carried = self._stylize(frame, state, moved, motion)
        stylized, flicker = plain, state.flicker
        if motion is not None and moved is not None and state.stylized is not None and state.plain is not None:
            stylized = blend(plain, moved, self._smoothing * motion.confidence) if self._smoothing else plain
            flicker = flicker.plus(
                warping_error(state.stylized, stylized, motion), warping_error(state.plain, plain, motion)
            )
        return dataclasses.replace(state, stylized=stylized, plain=plain, carried=carried, flicker=flicker)

    def _stylize(
        self, frame: Frame, state: State, moved: Tensor | None, motion: Motion | None
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Return a frame as the method paints it, and what it hands on."""
        carry: Carry | None = None
        if self._smoothing > 0 and "carry" in self._stylizer.declaration.accepts:
            scene = frame.index - (state.cuts[-1] if state.cuts else 0)
            carry = Carry(
                state.carried,
                share=self._smoothing,
                moved=moved,
                trust=None if motion is None else motion.confidence,
                effort=1.0 if scene % self._key_every == 0 else BETWEEN,
            )
        seconds = float(frame.time - self._start)
        result = self._stylizer.stylize(
            Picture(rgb=frame.rgb), self._styles, strength=self._strength.at(seconds), carry=carry
        )
        return result.image.to(frame.rgb), {} if carry is None else carry.after


def encoded_once(stylizer: Stylizer, styles: Sequence[Picture | EncodedStyle]) -> list[Picture | EncodedStyle]:
    """Return styles encoded, where the method encodes any and no control wants their pictures for each frame."""
    controls = stylizer.controls
    pictures = (
        controls.preserve_color is not None or controls.match_histogram == "style" or controls.style_scale != 1
    )
    if stylizer.declaration.encoded is None or pictures:
        return list(styles)
    encoder: Any = stylizer
    return [encoder.encode_style(style) if isinstance(style, Picture) else style for style in styles]
