"""The sound of a video file: its packets as they are, or encoded again."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

#: A packet with its seconds, and its number for those of the same time.
Timed = tuple[Fraction, int, Any]


#: Where channels are, by their number.
_PLACES = {1: "mono", 2: "stereo"}
#: What these containers hold for sure; FFmpeg lists more for them, which they refuse once the header is written.
_HELD = {
    "mp4": ("aac", "mp3", "ac3", "eac3", "alac", "flac", "opus"),
    "mov": ("aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_f32le"),
}


def foreign(source: Any, out: Any, muxer: str) -> str | None:
    """Return the codec of a sound in `source` that the container `out`, of this format, cannot hold, or None."""
    names = [stream.codec_context.codec.canonical_name for stream in source.streams.audio]
    held = [name for name in _HELD.get(muxer, names) if name in out.supported_codecs]
    return next((name for name in names if name not in held), None)


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
    # Raw sound often has channels without places, which encoders refuse.
    layout = _PLACES.get(heard.layout.nb_channels, heard.layout)
    stream = out.add_stream(codec, rate=rate, layout=layout)
    form = stream.codec_context.format
    size = 960 if codec == "libopus" else 1024  # samples of a packet
    resampler = av.AudioResampler(format=form, layout=layout, rate=rate, frame_size=size)

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
