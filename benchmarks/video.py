"""What smoothing takes from a video's flicker, and what it costs in style: ``python -m benchmarks.video``.

The clip is drawn (``docs/samples/clip.py``): a camera that pans, two shapes that move, a tone. It is stylized with
the usual smoothing and without any, at 256x144; every fifth frame is judged as it is in the written files.
"""

from __future__ import annotations

import argparse
import hashlib
import runpy
import tempfile
from pathlib import Path
from typing import Any

import av
import torch
from torch import Tensor

import styletransfer as st
from styletransfer import images, samples
from styletransfer.methods import DEFAULT_METHOD
from styletransfer.video.opening import open_clip
from styletransfer.video.result import VideoResult

#: Frames between two that are judged.
JUDGED_EVERY = 5
#: Neighbouring frames that are in the picture of the page.
SHOWN = (40, 43)
FIGURES = ("moment", "gram", "deep", "color", "content", "ssim")


def frames(path: Path, long_edge: int | None = None) -> list[Tensor]:
    return [frame.rgb for frame in open_clip(path, long_edge=long_edge).frames()]


def sound(path: Path) -> tuple[str, float]:
    """Return a hash of the sound's packets, and its seconds."""
    digest = hashlib.sha256()
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        for packet in container.demux(stream):
            digest.update(bytes(packet))
        return digest.hexdigest()[:16], float(stream.duration * stream.time_base)


def length(path: Path) -> float:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return float(stream.duration * stream.time_base)


def judged(painted: list[Tensor], content: list[Tensor], style: Tensor) -> dict[str, float]:
    """Return the means of the judge's figures over some frames."""
    judge = st.create_judge("vgg19-lite-1")
    found = [judge(a, b, style).figures() for a, b in zip(painted, content, strict=True)]
    return {name: sum(figures[name] for figures in found) / len(found) for name in FIGURES}


def measure(folder: Path, count: int, strip: Path | None, *, style: str, long_edge: int, **asked: Any) -> None:
    clip = folder / "clip.mp4"
    drawing = runpy.run_path(str(Path(__file__).parents[1] / "docs" / "samples" / "clip.py"))
    drawing["write"](clip, count)
    content, picture = frames(clip, long_edge), images.load_image(samples.draw(style, long_edge=long_edge))
    print(f"clip: {count} frames, {length(clip):.2f} s, sound {sound(clip)}")
    rows: dict[str, list[Tensor]] = {"content": content}
    for title, smoothing in (("without smoothing", {"smoothing": 0.0}), ("with smoothing", {})):
        settings = {"long_edge": long_edge, **asked, **smoothing}
        result: VideoResult = st.stylize_video(clip, folder / f"{title}.mp4", picture, **settings)
        rows[title] = frames(result.path)
        flicker = result.record()["flicker"]["with_smoothing"]
        figures = judged(rows[title][::JUDGED_EVERY], content[::JUDGED_EVERY], picture)
        said = ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
        print(f"{title}: flicker {flicker:.6f}, {said}, {result.frames / result.seconds:.2f} frames a second")
        print(f"  {length(result.path):.2f} s, sound {sound(result.path)}, {result.sound}")
    if strip is not None:
        first, last = SHOWN
        table = [torch.cat([_enlarged(frame) for frame in row[first:last]], 3) for row in rows.values()]
        images.save_image(torch.cat(table, 2), strip, quality=80)


def _enlarged(frame: Tensor) -> Tensor:
    """Return a part of a frame at twice its size: flicker is between neighbours, in strokes."""
    return frame[:, :, 30:102, 40:168].repeat_interleave(2, 2).repeat_interleave(2, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--style", default="mosaic")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--long-edge", type=int, default=256)
    parser.add_argument("--method", default=DEFAULT_METHOD)
    parser.add_argument("--key-every", type=int, default=1)
    parser.add_argument("--strip", type=Path, help="write a picture of some frames: content, without, with")
    parser.add_argument("--keep", type=Path, help="folder for the clips; by default they are removed")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        measure(
            chosen.keep or Path(made),
            chosen.frames,
            chosen.strip,
            style=chosen.style,
            long_edge=chosen.long_edge,
            method=chosen.method,
            key_every=chosen.key_every,
        )


if __name__ == "__main__":
    main()
