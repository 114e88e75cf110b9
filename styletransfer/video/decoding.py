"""Video files, read by PyAV: upright frames in RGB, broken ones named, each with its own time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from styletransfer.errors import VideoError
from styletransfer.video.clips import Clip, Coding, Frame, fit, working
from styletransfer.video.extras import load_av

#: swscale: bicubic, chroma at full resolution both ways, exact rounding.
SCALING = 4 | 0x2000 | 0x4000 | 0x40000
#: From a file's matrix to swscale's table; a file that says nothing is taken as FFmpeg does, BT.601.
TABLES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
UNSAID_TABLE = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class VideoClip(Clip):
    """A video file."""

    def _read(self) -> Iterator[Frame]:
        av = load_av()
        with opened(av, self.path) as (container, stream):
            held: Tensor | None = None
            last: int | None = None
            for index, (pts, decoded, fault) in enumerate(_shown(av, container, stream, 1 / self.rate)):
                if decoded is not None:
                    held = fit(upright(decoded, self.coding), self.size)
                if held is None:
                    continue
                pts = pts if last is None else max(pts, last + 1)
                last = pts
                yield Frame(
                    index=index,
                    time=pts * self.time_base,
                    duration=_own_duration(decoded, self.time_base) or 1 / self.rate,
                    rgb=held,
                    broken=fault,
                )


def _own_duration(decoded: Any, time_base: Fraction) -> Fraction:
    return Fraction(0) if decoded is None else (decoded.duration or 0) * time_base


@contextmanager
def opened(av: Any, path: Path) -> Iterator[tuple[Any, Any]]:
    """Open a video file and its first moving pictures; what goes wrong becomes a `VideoError`."""
    try:
        container = av.open(str(path))
    except av.FFmpegError as problem:
        raise VideoError(
            f'"{path}" is not a video that can be read ({problem.strerror}). Get a new copy, or save it again '
            "with another program."
        ) from problem
    with container:
        cover = av.stream.Disposition.attached_pic
        moving = [stream for stream in container.streams.video if not stream.disposition & cover]
        if not moving:
            raise VideoError(f'"{path}" has no moving pictures, only sound or data. Give a video.')
        yield container, moving[0]


def _shown(av: Any, container: Any, stream: Any, step: Fraction) -> Iterator[tuple[int, Any, str | None]]:
    """Yield (pts, decoded frame or None, what is wrong with it) in the order in which frames are shown.

    A packet that cannot be decoded gives no frame: its place is filled once the frame after it is known. What
    cannot be decoded before the first good frame has nothing to be shown in its place, and is left out.
    """
    lost: dict[int, str] = {}
    ticks = max(1, round(step / stream.time_base))
    last: int | None = None
    for frame, fault, pts in _decoded(av, container, stream):
        if frame is None:
            at = pts if pts is not None else (0 if last is None else last + ticks)
            lost[at] = fault or "damaged"
            continue
        now = frame.pts if frame.pts is not None else (0 if last is None else last + ticks)
        for at in sorted(at for at in lost if at <= now):
            said = lost.pop(at)
            if at == now:
                fault = fault or said
            elif last is not None and at > last:
                yield at, None, said
        yield now, (None if fault and last is not None else frame), fault
        last = now
    for at in sorted(lost):
        if last is not None and at > last:
            yield at, None, lost[at]


def _decoded(av: Any, container: Any, stream: Any) -> Iterator[tuple[Any, str | None, int | None]]:
    """Yield decoded frames, and packets that gave none: (frame or None, what is wrong, the packet's pts)."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.FFmpegError as problem:
            yield None, f"the file ends early ({problem.strerror})", None
            return
        try:
            frames = packet.decode()
        except av.FFmpegError as problem:
            yield None, problem.strerror or "damaged", packet.pts
            continue
        for frame in frames:
            yield frame, ("its data are damaged" if frame.is_corrupt else None), frame.pts


def upright(frame: Any, coding: Coding) -> Tensor:
    """Return a decoded frame as it is shown, (1, 3, H, W) RGB in [0, 1]."""
    deep = frame.format.components[0].bits > 8
    pixels = frame.to_ndarray(
        format="rgb48le" if deep else "rgb24",
        src_colorspace=TABLES.get(coding.matrix, UNSAID_TABLE),
        src_color_range=2 if coding.full_range else 1,
        dst_color_range=2,
        interpolation=SCALING,
    )
    turned = np.rot90(pixels, k=round(frame.rotation / 90))  # both turn counterclockwise
    values = torch.from_numpy(np.ascontiguousarray(turned, dtype=np.float32))
    return (values / (65535.0 if deep else 255.0)).permute(2, 0, 1)[None].contiguous()


def open_video(path: Path, *, long_edge: int | None, short_edge: int | None) -> VideoClip:
    """Look into a video file.

    Raises:
        VideoError: It cannot be read, or has no pictures.
    """
    av = load_av()
    with opened(av, path) as (container, stream):
        rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
        first = next((frame for frame, _, _ in _decoded(av, container, stream) if frame is not None), None)
        if first is None:
            raise VideoError(f'"{path}" has no frame that can be read. Get a new copy, or give another clip.')
        context = stream.codec_context
        coding = Coding(
            pixel_format=first.format.name,
            matrix=int(first.colorspace),
            full_range=int(first.color_range) == 2
            or not first.format.name.startswith(("yuv", "nv", "gray", "p0")),
            primaries=int(first.color_primaries),
            curve=int(first.color_trc),
            aspect=Fraction(context.sample_aspect_ratio or 1),
        )
        sideways = round(first.rotation / 90) % 2 == 1
        size = (first.width, first.height) if sideways else (first.height, first.width)
        coding = _turned(coding) if sideways else coding
        count = stream.frames or _estimate(stream, container, rate)
        return VideoClip(
            path=path,
            source_size=size,
            size=working(size, path, long_edge, short_edge),
            rate=rate,
            time_base=Fraction(stream.time_base),
            count=count,
            coding=coding,
            sound=bool(container.streams.audio),
            notes=(_HDR.format(path),) if coding.hdr else (),
        )


_HDR = (
    'The video "{}" is HDR (PQ or HLG): its levels are painted as if they were SDR, so colours look flat. '
    "Convert it to SDR with another program first for true colours."
)


def _turned(coding: Coding) -> Coding:
    return replace(coding, aspect=1 / coding.aspect)


def _estimate(stream: Any, container: Any, rate: Fraction) -> int | None:
    if stream.duration is not None:
        return round(Fraction(stream.duration * stream.time_base * rate))
    return None if container.duration is None else round(Fraction(container.duration, 1_000_000) * rate)
