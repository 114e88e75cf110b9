"""Draw the clip of the page on video: ``python docs/samples/clip.py clip.mp4``, with the extra ``[video]``.

A camera pans over the drawn harbour; a ball and a kite cross the picture at speeds of their own; a tone sounds.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw

from styletransfer import samples

RATE = 25
SOUND_RATE = 44100
#: Shapes are drawn larger and reduced, for smooth edges.
FINER = 4


def frames(count: int, width: int = 256, height: int = 144) -> Iterator[Image.Image]:
    """Yield the clip's frames; the camera moves by a third of the picture's width in 4 seconds, which are 100."""
    scene = samples.draw("harbour", long_edge=512).convert("RGB")
    scale = 0.7 * width / 256
    for index in range(count):
        seconds = index / RATE
        left = 10 + seconds / 12 * width / scale
        top = 0.2 * scene.height + 6 * math.sin(seconds)
        view = (1 / scale, 0, left, 0, 1 / scale, top)
        frame = scene.transform((width, height), Image.Transform.AFFINE, view, Image.Resampling.BICUBIC)
        yield _with_shapes(frame, seconds)


def _with_shapes(frame: Image.Image, seconds: float) -> Image.Image:
    width, height = frame.size
    large = frame.resize((width * FINER, height * FINER), Image.Resampling.BICUBIC)
    pen, unit = ImageDraw.Draw(large), height * FINER / 144
    x, y = (20 + 45 * seconds) * unit, (96 - 40 * abs(math.sin(2.2 * seconds))) * unit
    pen.ellipse((x - 15 * unit, y - 15 * unit, x + 15 * unit, y + 15 * unit), fill=(214, 60, 44))
    pen.ellipse((x - 9 * unit, y - 10 * unit, x - 2 * unit, y - 3 * unit), fill=(245, 170, 150))
    x, y = (230 - 30 * seconds) * unit, (34 + 8 * math.sin(1.5 * seconds)) * unit
    corners = [(0, -20), (14, 0), (0, 26), (-14, 0)]
    pen.polygon([(x + dx * unit, y + dy * unit) for dx, dy in corners], fill=(250, 205, 60))
    pen.line([(x, y - 20 * unit), (x, y + 26 * unit)], fill=(120, 80, 20), width=round(unit * 1.5))
    return large.resize(frame.size, Image.Resampling.LANCZOS)


def write(path: Path, count: int, width: int = 256, height: int = 144) -> None:
    """Write the clip as H.264 with AAC."""
    with av.open(str(path), "w") as out:
        pictures = out.add_stream("libx264", rate=RATE, options={"crf": "12"})
        pictures.width, pictures.height, pictures.pix_fmt = width, height, "yuv420p"
        context = pictures.codec_context
        context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
        sound = out.add_stream("aac", rate=SOUND_RATE, layout="mono")
        for index, picture in enumerate(frames(count, width, height)):
            frame = av.VideoFrame.from_image(picture).reformat(format="yuv420p", dst_colorspace="ITU709")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            out.mux(pictures.encode(frame))
        out.mux(pictures.encode())
        _write_tone(out, sound, count / RATE)


def _write_tone(out: av.container.OutputContainer, sound: av.AudioStream, seconds: float) -> None:
    wave = np.sin(2 * np.pi * 440 * np.arange(round(seconds * SOUND_RATE)) / SOUND_RATE) * 0.3
    for start in range(0, len(wave), 1024):
        block = wave[None, start : start + 1024].astype("float32")
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
        out.mux(sound.encode(frame))
    out.mux(sound.encode())


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--frames", type=int, default=100)
    chosen = parser.parse_args()
    write(chosen.path, chosen.frames)
    print(f"{chosen.path}: {chosen.frames} frames, {chosen.path.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
