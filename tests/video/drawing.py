"""Small clips for tests: drawn pictures that move, stored in every way that matters."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

RATE = 25


def scene(height: int, width: int, seed: int = 0) -> Tensor:
    """Structure, (1, 3, H, W): detailed brightness, which shows motion; colours as soft as videos have them."""
    generator = torch.Generator().manual_seed(seed)

    def soft(channels: int, grain: int) -> Tensor:
        coarse = torch.rand(1, channels, height // grain + 2, width // grain + 2, generator=generator)
        return F.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)

    return (0.2 + 0.5 * soft(1, 6) + 0.2 * soft(3, 32)).clamp(0, 1)


def panning(count: int, height: int = 48, width: int = 64, *, step: int = 1, seed: int = 0) -> list[Tensor]:
    """Frames over which a camera moves to the right by `step` pixels each time."""
    whole = scene(height, width + step * count, seed)
    return [whole[:, :, :, step * n : step * n + width].contiguous() for n in range(count)]


def pixels(frame: Tensor) -> Any:
    return np.ascontiguousarray((frame[0] * 255).round().byte().permute(1, 2, 0).numpy())


def write_video(
    path: Path,
    frames: list[Tensor],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    matrix: int = 1,
    full_range: bool = False,
    curve: int = 1,
    sound: str | None = None,
    rotation: int = 0,
    times: list[int] | None = None,
    options: dict[str, str] | None = None,
    sound_only: bool = False,
) -> Path:
    """Write a video; `times` are milliseconds of frames."""
    import av

    base = Fraction(1, 1000) if times else Fraction(1, RATE)
    with av.open(str(path), "w") as out:
        if not sound_only:
            stream = out.add_stream(codec, rate=RATE, options={"crf": "4", **(options or {})})
            stream.height, stream.width = frames[0].shape[2:]
            stream.pix_fmt = pixel_format
            context = stream.codec_context
            context.time_base = base
            context.colorspace, context.color_range, context.color_trc = matrix, 2 if full_range else 1, curve
            context.color_primaries = 1
            if rotation:
                stream.set_display_rotation(rotation)
        heard = out.add_stream(sound, rate=44100, layout="mono") if sound else None
        for index, frame in enumerate(frames if not sound_only else []):
            stored = av.VideoFrame.from_ndarray(pixels(frame), format="rgb24").reformat(
                format=pixel_format,
                dst_colorspace={1: 1, 5: 5, 9: 9}[matrix],
                src_color_range=2,
                dst_color_range=2 if full_range else 1,
            )
            stored.pts, stored.time_base = (times[index] if times else index), base
            stored.color_range, stored.colorspace, stored.color_trc = 2 if full_range else 1, matrix, curve
            out.mux(stream.encode(stored))
        if not sound_only:
            out.mux(stream.encode())
        if heard is not None:
            _write_tone(out, heard, max(len(frames), 1) / RATE)
    return path


def _write_tone(out: Any, stream: Any, seconds: float) -> None:
    import av

    wave = np.sin(2 * np.pi * 440 * np.arange(round(seconds * 44100)) / 44100) * 0.3
    form = stream.codec_context.format.name
    for start in range(0, len(wave), 1024):
        block = wave[None, start : start + 1024]
        block = (block * 32767).astype("int16") if form.startswith("s16") else block.astype("float32")
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format=form, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 44100, start, Fraction(1, 44100)
        out.mux(stream.encode(frame))
    out.mux(stream.encode())


def sound_packets(path: Path) -> list[tuple[int | None, bytes]]:
    """Times in samples and contents of all packets of the first sound."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        return [
            (None if p.pts is None else round(p.pts * p.time_base * 44100), bytes(p))
            for p in container.demux(stream)
            if p.size
        ]
