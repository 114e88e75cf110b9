"""The sound of a video file: its packets as they are, or encoded again."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

#: A packet with its seconds, and its number for those of the same time.
Timed = tuple[Fraction, int, Any]


def foreign(source: Any, out: Any) -> str | None:
    """Return the codec of a sound in `source` that the container `out` cannot hold, or None."""
    names = [stream.codec_context.codec.canonical_name for stream in source.streams.audio]
    return next((name for name in names if name not in out.supported_codecs), None)


def copied(source: Any, out: Any) -> Iterator[Timed]:
    """Yield the packets of the sound as they are, with their seconds."""
    streams = {stream.index: out.add_stream_from_template(stream) for stream in source.streams.audio}

    def packets() -> Iterator[Timed]:
        for number, packet in enumerate(source.demux(*source.streams.audio)):
            if packet.size == 0:
                continue
            when = Fraction(packet.dts or 0) * packet.time_base
            packet.stream = streams[packet.stream.index]
            yield when, number, packet

    return packets()


def encoded(av: Any, source: Any, out: Any, codec: str) -> Iterator[Timed]:
    """Yield the packets of the first sound, encoded again."""
    heard = source.streams.audio[0]
    rate = 48000 if codec == "libopus" else heard.rate
    stream = out.add_stream(codec, rate=rate, layout=heard.layout)
    form = stream.codec_context.format
    size = 960 if codec == "libopus" else 1024  # samples of a packet
    resampler = av.AudioResampler(format=form, layout=heard.layout, rate=rate, frame_size=size)

    def packets() -> Iterator[Timed]:
        number = 0
        for frame in _and_none(source.decode(heard)):
            for piece in _and_none(resampler.resample(frame)) if frame is None else resampler.resample(frame):
                for packet in stream.encode(piece):
                    yield Fraction(packet.pts or 0) * packet.time_base, number, packet
                    number += 1

    return packets()


def _and_none(items: Any) -> Iterator[Any]:
    """Yield the items, and None at the end, which flushes."""
    yield from items
    yield None
