"""Video files, written by PyAV: segments that are encoded by themselves, joined by copying their packets.

No segment has B-frames, so that packets follow one another as frames do, and each gets its frame's own time when
they are joined, whatever the frame rate does.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer._checks import choice, integer
from styletransfer.errors import OptionError, VideoError
from styletransfer.video.clips import Clip, Coding
from styletransfer.video.decoding import SCALING, TABLES, UNSAID_TABLE
from styletransfer.video.extras import load_av
from styletransfer.video.outputs import Output, Segment, Shown
from styletransfer.video.sound import Timed, copied, encoded, foreign

#: Codecs that each container takes, the usual one first.
CONTAINERS = {
    ".mp4": ("h264", "hevc", "vp9"),
    ".m4v": ("h264", "hevc"),
    ".mov": ("h264", "hevc"),
    ".mkv": ("h264", "hevc", "vp9"),
    ".webm": ("vp9",),
}
#: What sound is encoded as where the container cannot hold the content's own.
_SOUND = {".webm": "libopus"}


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """A video encoder.

    Attributes:
        name: FFmpeg's.
        crf: Constant quality by default, smaller is better; `options` give it nothing else to decide.
        options: What is passed to it.
        even: Whether both sides must be even where colour is stored at half the size.
    """

    name: str
    crf: int
    options: tuple[tuple[str, str], ...] = ()
    even: bool = True


ENCODERS = {
    "h264": Encoder(name="libx264", crf=18, options=(("preset", "medium"), ("bf", "0"))),
    "hevc": Encoder(name="libx265", crf=20, options=(("x265-params", "bframes=0:log-level=none"),)),
    "vp9": Encoder(
        name="libvpx-vp9",
        crf=24,
        options=(("b", "0"), ("deadline", "good"), ("cpu-used", "4"), ("auto-alt-ref", "0")),
        even=False,
    ),
}


class VideoOutput(Output):
    """A video file with the content's sound.

    Args:
        target: The file.
        clip: What is stylized.
        codec: Of `ENCODERS`; the container's usual one if None.
        crf: Constant quality; the codec's usual one if None.

    Raises:
        OptionError: A codec that the container does not take, or a `crf` outside 0 to 63.
        VideoError: PyAV is missing, or was built without the codec.
    """

    def __init__(self, target: Path, clip: Clip, *, codec: str | None, crf: int | None) -> None:
        super().__init__(target, clip)
        fitting = CONTAINERS[target.suffix.lower()]
        self.codec = fitting[0] if codec is None else choice(codec, ENCODERS, "video codec")
        if self.codec not in fitting:
            raise OptionError(
                f"{target.suffix} files hold {', '.join(fitting)}, not {codec}. Choose another suffix."
            )
        self.encoder = ENCODERS[self.codec]
        self.crf = self.encoder.crf if crf is None else integer(crf, "crf", low=0, high=63)
        self._av = load_av()
        self.coding = self._coding(self._formats())
        bottom, right = self._padding()
        if bottom or right:
            height, width = clip.size
            self.notes.append(
                f"{self.codec} stores colour at half the size, for which {width}x{height} pixels are odd: the "
                f"video is {width + right}x{height + bottom}, its last row or column repeated."
            )
        self._plan_sound()

    def settings(self) -> dict[str, Any]:
        """See `Output.settings`."""
        return super().settings() | {
            "codec": self.codec,
            "crf": self.crf,
            "pixel_format": self.coding.pixel_format,
        }

    def _formats(self) -> list[str]:
        try:
            return [x.name for x in self._av.codec.Codec(self.encoder.name, "w").video_formats or ()]
        except ValueError as problem:  # PyAV's error for an encoder that it lacks
            raise VideoError(
                f"This PyAV was built without {self.encoder.name}, which writes {self.codec}. Choose another "
                'codec, or install the wheel: python -m pip install "styletransfer-toolkit[video]".'
            ) from problem

    def _coding(self, formats: Sequence[str]) -> Coding:
        """Return how pictures are stored: as in the content, as far as the encoder can."""
        own = self.clip.coding
        wanted = _plain(own.pixel_format)
        if wanted in formats:
            return replace(own, pixel_format=wanted)
        if re.match(r"gbr|rgb|bgr|pal|[ax]rgb|[ax]bgr|0rgb|0bgr", own.pixel_format):
            kept = "yuv444p" if "yuv444p" in formats else "yuv420p"
            wanted_coding = Coding(pixel_format=kept, aspect=own.aspect)
        else:
            wanted_coding = replace(own, pixel_format="yuv420p")
        if not own.pixel_format.startswith("gray"):
            self.notes.append(
                f"{self.codec} does not store {own.pixel_format}; the video is {wanted_coding.pixel_format}."
            )
        return wanted_coding

    def _padding(self) -> tuple[int, int]:
        """Return the rows and columns that are added at the bottom and right."""
        height, width = self.clip.size
        stored = self.coding.pixel_format
        down, across = "420" in stored, "420" in stored or "422" in stored
        return (height % 2 * down, width % 2 * across) if self.encoder.even else (0, 0)

    def _plan_sound(self) -> None:
        if not self.clip.sound:
            return
        with (
            self._av.open(str(self.clip.path)) as source,
            self._av.open(os.devnull, "w", format=self._muxer) as out,
        ):
            lacking = foreign(source, out, self._muxer)
            self.sound = "encoded again" if lacking else "copied"
            self._again = _SOUND.get(self.target.suffix.lower(), "aac")
        if lacking:
            self.notes.append(
                f"{self.target.suffix} files cannot hold {lacking} sound; it is encoded again as {self._again}."
            )

    @property
    def _muxer(self) -> str:
        return {".mkv": "matroska", ".m4v": "mp4"}.get(self.target.suffix.lower(), self.target.suffix[1:].lower())

    def _segment_file(self, number: int) -> Path:
        return self.parts / f"{number:06d}.nut"

    def has(self, number: int) -> bool:
        """See `Output.has`."""
        return self._segment_file(number).is_file()

    @contextmanager
    def segment(self, number: int, first: int) -> Iterator[Segment]:
        """See `Output.segment`."""
        file = self._segment_file(number)
        with self._av.open(str(file), "w", format="nut") as container:
            encoding = _Encoding(self._av, container, self)
            yield encoding
            encoding.close()
        _to_disk(file)

    def finish(self, frames: Iterable[Shown], segments: int) -> None:
        """See `Output.finish`."""
        whole = self.parts / f"whole{self.target.suffix}"
        options = {"movflags": "faststart"} if self._muxer in ("mp4", "mov") else {}
        with contextlib.ExitStack() as stack:
            out = stack.enter_context(self._av.open(str(whole), "w", format=self._muxer, options=options))
            template = stack.enter_context(self._av.open(str(self._segment_file(0))))
            stream = out.add_stream_from_template(template.streams.video[0])
            stream.time_base = self.clip.time_base
            tracks = [self._pictures(stream, frames, segments)]
            if self.clip.sound:
                source = stack.enter_context(self._av.open(str(self.clip.path)))
                copies = self.sound == "copied"
                tracks += [copied(source, out) if copies else encoded(self._av, source, out, self._again)]
            for _, _, packet in heapq.merge(*tracks, key=lambda item: item[:2]):
                out.mux(packet)
        _to_disk(whole)
        whole.replace(os.path.realpath(self.target))

    def _pictures(self, stream: Any, frames: Iterable[Shown], segments: int) -> Iterator[Timed]:
        """Yield the packets of all segments with their frames' own times."""
        base = self.clip.time_base
        times = enumerate(frames)
        for number in range(segments):
            with self._av.open(str(self._segment_file(number))) as container:
                for packet in container.demux(container.streams.video[0]):
                    if packet.size == 0:  # what ends the stream
                        continue
                    index, shown = next(times)
                    packet.stream, packet.time_base = stream, base
                    packet.pts = packet.dts = round(shown.time / base)
                    packet.duration = max(1, round(shown.duration / base))
                    yield shown.time, index, packet


class _Encoding:
    """Encodes the frames of one segment."""

    def __init__(self, av: Any, container: Any, output: VideoOutput) -> None:
        coding, encoder = output.coding, output.encoder
        self._av, self._container, self._coding = av, container, coding
        self._padding = output._padding()
        height, width = output.clip.size
        options = {"crf": str(output.crf), **dict(encoder.options)}
        self._stream = container.add_stream(encoder.name, rate=output.clip.rate, options=options)
        self._stream.height, self._stream.width = height + self._padding[0], width + self._padding[1]
        self._stream.pix_fmt = coding.pixel_format
        context = self._stream.codec_context
        context.time_base = 1 / output.clip.rate
        context.sample_aspect_ratio = coding.aspect
        context.colorspace, context.color_range = coding.matrix, 2 if coding.full_range else 1
        context.color_primaries, context.color_trc = coding.primaries, coding.curve
        self._count = 0

    def add(self, rgb: Tensor, alpha: Tensor | None) -> None:
        """Encode a frame; video files hold no transparency."""
        coding = self._coding
        bottom, right = self._padding
        padded = F.pad(rgb, (0, right, 0, bottom), mode="replicate") if bottom or right else rgb
        deep = coding.pixel_format.endswith(("10le", "12le"))
        levels = padded[0].detach().float().clamp(0, 1).mul(65535.0 if deep else 255.0).round()
        pixels = levels.permute(1, 2, 0).to("cpu", torch.int32).contiguous().numpy()
        frame = self._av.VideoFrame.from_ndarray(
            pixels.astype("uint16" if deep else "uint8"), format="rgb48le" if deep else "rgb24"
        )
        stored = frame.reformat(
            format=coding.pixel_format,
            dst_colorspace=TABLES.get(coding.matrix, UNSAID_TABLE),
            src_color_range=2,
            dst_color_range=2 if coding.full_range else 1,
            interpolation=SCALING,
        )
        stored.colorspace, stored.color_range = coding.matrix, 2 if coding.full_range else 1
        stored.color_primaries, stored.color_trc = coding.primaries, coding.curve
        stored.pts, stored.time_base = self._count, self._stream.codec_context.time_base
        self._count += 1
        for packet in self._stream.encode(stored):
            self._container.mux(packet)

    def close(self) -> None:
        """Write what the encoder still holds."""
        for packet in self._stream.encode():
            self._container.mux(packet)


def _plain(pixel_format: str) -> str:
    """Return the planar format without transparency that stores the same, e.g. yuv420p for nv12 and yuvj420p."""
    name = {"nv12": "yuv420p", "nv21": "yuv420p", "p010le": "yuv420p10le"}.get(pixel_format, pixel_format)
    return re.sub(r"^yuv[ja](?=4)", "yuv", name) if name.startswith("yuv") else ""


def _to_disk(file: Path) -> None:
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())
