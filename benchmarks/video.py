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
from styletransfer.video.opening import open_clip
from styletransfer.video.result import VideoResult

#: Frames between two that are judged, and between two that are in the picture of the page.
JUDGED_EVERY, SHOWN_EVERY = 5, 24
FIGURES = ("moment", "gram", "deep", "color", "content", "ssim")


def frames(path: Path) -> list[Tensor]:
    return [frame.rgb for frame in open_clip(path).frames()]


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


def measure(folder: Path, style: str, count: int, strip: Path | None) -> None:
    clip = folder / "clip.mp4"
    drawing = runpy.run_path(str(Path(__file__).parents[1] / "docs" / "samples" / "clip.py"))
    drawing["write"](clip, count)
    content, picture = frames(clip), images.load_image(samples.draw(style, long_edge=256))
    print(f"clip: {count} frames, {length(clip):.2f} s, sound {sound(clip)}")
    rows: dict[str, list[Tensor]] = {"content": content}
    for title, smoothing in (("without smoothing", {"smoothing": 0.0}), ("with smoothing", {})):
        settings: dict[str, Any] = {"long_edge": 256, **smoothing}
        result: VideoResult = st.stylize_video(clip, folder / f"{title}.mp4", picture, **settings)
        rows[title] = frames(result.path)
        flicker = result.record()["flicker"]["with_smoothing"]
        figures = judged(rows[title][::JUDGED_EVERY], content[::JUDGED_EVERY], picture)
        said = ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
        print(f"{title}: flicker {flicker:.6f}, {said}, {result.frames / result.seconds:.2f} frames a second")
        print(f"  {length(result.path):.2f} s, sound {sound(result.path)}, {result.sound}")
    if strip is not None:
        table = [torch.cat(row[::SHOWN_EVERY][:4], 3) for row in rows.values()]
        images.save_image(torch.cat(table, 2), strip, quality=80)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--style", default="mosaic")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--strip", type=Path, help="write a picture of some frames: content, without, with")
    parser.add_argument("--keep", type=Path, help="folder for the clips; by default they are removed")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        measure(chosen.keep or Path(made), chosen.style, chosen.frames, chosen.strip)


if __name__ == "__main__":
    main()
