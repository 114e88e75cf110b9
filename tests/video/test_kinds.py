"""Clips in and out: frames, times, sound, colours and sizes are kept, whatever they are stored as."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

import styletransfer as st
from styletransfer.errors import ImageError, OptionError, OutputError, VideoError
from styletransfer.video.clips import Frame
from styletransfer.video.opening import open_clip
from tests.video.conftest import Copy
from tests.video.drawing import panning, scene, sound_packets, write_video

pytest.importorskip("av", reason="needs the extra [video]", exc_type=ImportError)
pytest.importorskip("cv2", reason="needs the extra [video]", exc_type=ImportError)

COUNT = 7


def read(path: Path | str) -> list[Frame]:
    return list(open_clip(path).frames())


def apart(frames: list[Frame], wanted: list[Tensor]) -> float:
    assert len(frames) == len(wanted)
    return max(float((frame.rgb - other).abs().mean()) for frame, other in zip(frames, wanted, strict=True))


def times(path: Path | str) -> list[float]:
    found = read(path)
    return [round(float(frame.time - found[0].time), 4) for frame in found] + [
        round(float(found[-1].time + found[-1].duration - found[0].time), 4)
    ]


def write_sequence(folder: Path, frames: list[Tensor], first: int = 1) -> Path:
    folder.mkdir(exist_ok=True)
    for number, frame in enumerate(frames, start=first):
        st.save_image(frame, folder / f"frame_{number:03d}.png")
    return folder / "frame_%03d.png"


def write_animation(path: Path, frames: list[Tensor], milliseconds: list[int]) -> Path:
    first, *others = (st.images.to_pil(frame) for frame in frames)
    kind = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG"}[path.suffix]
    settings = {"lossless": True} if kind == "WEBP" else {}
    first.save(path, kind, save_all=True, append_images=others, duration=milliseconds, loop=0, **settings)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".webm"])
def test_a_video_keeps_its_frames_times_and_sound(tmp_path: Path, copy: Copy, suffix: str) -> None:
    sound = {".webm": "libopus"}.get(suffix, "aac")
    codec = {".webm": "libvpx-vp9"}.get(suffix, "libx264")
    frames = panning(COUNT)
    source = write_video(tmp_path / f"in{suffix}", frames, codec=codec, sound=sound if suffix != ".webm" else None)
    result = copy(source, tmp_path / f"out{suffix}", crf=4, segment=3)
    clip = open_clip(result.path)
    assert (clip.size, clip.rate, result.frames) == ((48, 64), 25, COUNT)
    assert times(result.path) == pytest.approx(times(source), abs=0.0011)
    assert apart(read(result.path), [frame.rgb for frame in read(source)]) < 0.012
    if suffix != ".webm":
        assert result.sound == "copied"
        assert [packet for _, packet in sound_packets(result.path)] == [p for _, p in sound_packets(source)]
    assert not result.path.with_name(f"out{suffix}.parts").exists()


def test_sound_that_the_container_cannot_hold_is_encoded_again(tmp_path: Path, copy: Copy) -> None:
    source = write_video(tmp_path / "in.mp4", panning(25), sound="aac")
    with pytest.warns(UserWarning, match=r"\.webm files cannot hold aac sound; it is encoded again as libopus\."):
        result = copy(source, tmp_path / "out.webm")
    assert result.sound == "encoded again"
    import av

    with av.open(str(result.path)) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name in ("opus", "libopus")
        samples = sum(frame.samples for frame in container.decode(stream)) / stream.rate
    assert samples == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize(("codec", "suffix"), [("pcm_s16le", ".mp4"), ("pcm_f32le", ".m4v"), ("flac", ".mov")])
def test_sound_that_only_seems_to_fit_is_encoded_again(
    tmp_path: Path, copy: Copy, codec: str, suffix: str
) -> None:
    source = write_video(tmp_path / "in.mkv", panning(5), sound=codec)
    with pytest.warns(UserWarning, match=rf"cannot hold {codec} sound; it is encoded again as aac"):
        assert copy(source, tmp_path / f"out{suffix}").sound == "encoded again"


def test_frames_keep_their_own_times(tmp_path: Path, copy: Copy) -> None:
    """A variable frame rate, as telephones record it."""
    stamps = [0, 33, 100, 140, 300, 333, 400]
    source = write_video(tmp_path / "in.mp4", panning(COUNT), times=stamps)
    assert times(source)[:COUNT] == [stamp / 1000 for stamp in stamps]
    for target in ("out.mp4", "out.mkv"):
        assert times(copy(source, tmp_path / target, segment=3).path) == times(source)


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_a_turned_video_is_upright(tmp_path: Path, copy: Copy, rotation: int) -> None:
    frames = panning(3)
    source = write_video(tmp_path / "in.mp4", frames, rotation=rotation)
    turned = [torch.rot90(frame, rotation // 90, (2, 3)) for frame in frames]
    assert apart(read(source), turned) < 0.02
    result = copy(source, tmp_path / "out.mp4", crf=4)
    assert result.size == ((64, 48) if rotation != 180 else (48, 64))
    assert apart(read(result.path), turned) < 0.03


@pytest.mark.parametrize(
    ("pixel_format", "matrix", "full_range"),
    [
        ("yuv420p", 1, True),
        ("yuv420p", 5, False),
        ("yuv444p", 1, False),
        ("yuv422p", 9, False),
        ("yuv420p10le", 1, True),
    ],
)
def test_the_coding_of_colours_is_kept(
    tmp_path: Path, copy: Copy, pixel_format: str, matrix: int, full_range: bool
) -> None:
    frames = panning(3)
    settings = {"pixel_format": pixel_format, "matrix": matrix, "full_range": full_range}
    source = write_video(tmp_path / "in.mp4", frames, **settings)
    result = copy(source, tmp_path / "out.mp4", crf=4)
    before, after = open_clip(source).coding, open_clip(result.path).coding
    assert (before.matrix, before.full_range) == (matrix, full_range)
    assert after == before
    assert apart(read(result.path), frames) < 0.03


def test_hevc(tmp_path: Path, copy: Copy) -> None:
    frames = panning(4, 64, 64)
    source = write_video(tmp_path / "in.mp4", frames)
    result = copy(source, tmp_path / "out.mp4", codec="hevc", crf=4, segment=2)
    assert apart(read(result.path), frames) < 0.02


def test_odd_sizes_get_a_row_and_a_column(tmp_path: Path, copy: Copy) -> None:
    pattern = write_sequence(tmp_path / "frames", panning(3, 33, 41))
    with pytest.warns(UserWarning, match=r"41x33 pixels are odd: the video is 42x34, its last row or column"):
        result = copy(pattern, tmp_path / "out.mp4", crf=4)
    assert open_clip(result.path).size == (34, 42)
    padded = [torch.nn.functional.pad(frame, (0, 1, 0, 1), "replicate") for frame in panning(3, 33, 41)]
    assert apart(read(result.path), padded) < 0.03
    assert open_clip(copy(pattern, tmp_path / "out.webm", crf=4).path).size == (33, 41)


def test_hdr_is_told(tmp_path: Path, copy: Copy) -> None:
    source = write_video(tmp_path / "in.mp4", panning(2), pixel_format="yuv420p10le", matrix=9, curve=16)
    with pytest.warns(UserWarning, match=r"is HDR \(PQ or HLG\): its levels are painted as if they were SDR"):
        copy(source, tmp_path / "out.mp4")


def test_sequences(tmp_path: Path, copy: Copy) -> None:
    frames = panning(COUNT)
    pattern = write_sequence(tmp_path / "frames", frames, first=12)
    (tmp_path / "more").mkdir()
    result = copy(pattern, tmp_path / "more" / "p%02d.png", rate=10, segment=3)
    assert sorted(file.name for file in (tmp_path / "more").iterdir()) == [f"p{n}.png" for n in range(12, 19)]
    assert apart(read(result.path), [frame.rgb for frame in read(pattern)]) < 1e-6
    assert times(copy(pattern, tmp_path / "out.mp4", rate=10).path) == pytest.approx([n / 10 for n in range(8)])


def test_sound_that_has_no_place_is_told(tmp_path: Path, copy: Copy) -> None:
    source = write_video(tmp_path / "in.mp4", panning(3), sound="aac")
    with pytest.warns(UserWarning, match="The sound is left out: an animation has none"):
        assert copy(source, tmp_path / "out.webp").sound == "left out"
    with pytest.warns(UserWarning, match="The sound is left out: an image sequence has none"):
        copy(source, tmp_path / "f_%d.png")


def test_a_gap_in_a_sequence_is_told(tmp_path: Path, copy: Copy) -> None:
    pattern = write_sequence(tmp_path / "frames", panning(4))
    (tmp_path / "frames" / "frame_002.png").unlink()
    with pytest.warns(UserWarning, match="lacks 1 numbers; the rest is taken as one run"):
        assert copy(pattern, tmp_path / "out.gif").frames == 3


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_animations(tmp_path: Path, copy: Copy, suffix: str) -> None:
    shown = [40, 100, 70, 200]
    source = write_animation(tmp_path / f"in{suffix}", panning(4, step=4), shown)
    result = copy(source, tmp_path / f"out{suffix}", segment=3)
    ends = [0, 0.04, 0.14, 0.21, 0.41]
    assert times(result.path) == pytest.approx(ends)
    assert apart(read(result.path), [frame.rgb for frame in read(source)]) < 0.05
    assert times(copy(source, tmp_path / "out.mp4").path) == pytest.approx(ends, abs=0.0011)


def test_an_animation_keeps_its_transparency(tmp_path: Path, copy: Copy) -> None:
    pictures = [st.images.to_pil(frame) for frame in panning(2, step=4)]
    for picture in pictures:
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    pictures[0].save(tmp_path / "in.webp", save_all=True, append_images=pictures[1:], duration=50, lossless=True)
    result = copy(tmp_path / "in.webp", tmp_path / "out.webp")
    alpha = read(result.path)[1].alpha
    assert alpha is not None
    assert float(alpha.min()) < 0.05
    assert float(alpha.max()) > 0.95


def test_frames_are_reduced(tmp_path: Path, copy: Copy) -> None:
    source = write_video(tmp_path / "in.mp4", panning(2, 96, 128))
    assert copy(source, tmp_path / "out.mp4", long_edge=64).size == (48, 64)


class TestDamage:
    def test_a_broken_frame_is_named_and_the_one_before_stays(self, tmp_path: Path, copy: Copy) -> None:
        import av

        frames = panning(6, step=4)
        whole = write_video(tmp_path / "whole.mkv", frames, codec="ffv1", options={"g": "1"})
        source = tmp_path / "in.mkv"
        with av.open(str(whole)) as good, av.open(str(source), "w") as out:
            stream = out.add_stream_from_template(good.streams.video[0])
            for number, packet in enumerate(good.demux(good.streams.video[0])):
                if packet.size:
                    damaged = av.Packet(bytes(8)) if number == 3 else packet
                    damaged.pts, damaged.dts, damaged.time_base = packet.pts, packet.dts, packet.time_base
                    damaged.stream = stream
                    out.mux(damaged)
        with pytest.warns(
            UserWarning, match=r"1 frame\(s\) could not be read, and show the frame before: frame 3"
        ):
            result = copy(source, tmp_path / "out.mp4", crf=4)
        assert (result.frames, result.broken_count) == (6, 1)
        assert times(result.path) == times(whole)
        assert apart(read(result.path), [*frames[:3], frames[2], *frames[4:]]) < 0.03

    def test_an_unreadable_picture_of_a_sequence(self, tmp_path: Path, copy: Copy) -> None:
        pattern = write_sequence(tmp_path / "frames", panning(4))
        (tmp_path / "frames" / "frame_002.png").write_bytes(b"no picture")
        st.save_image(scene(30, 30), tmp_path / "frames" / "frame_003.png")
        with pytest.warns(UserWarning, match=r"2 frame\(s\) could not.*frame 1 .*frame 2 .*is 30x30 pixels"):
            result = copy(pattern, tmp_path / "out.webp")
        assert (result.frames, result.broken_count) == (4, 2)

    def test_a_video_that_ends_early(self, tmp_path: Path, copy: Copy) -> None:
        whole = write_video(tmp_path / "whole.mkv", panning(30), options={"g": "5"})
        source = tmp_path / "in.mkv"
        source.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
        with pytest.warns(UserWarning, match=r"tells of about 30 frames, and \d+ could be read"):
            result = copy(source, tmp_path / "out.mp4")
        assert 5 < result.frames < 30


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("in.mp4", b"nothing of the kind", r"is not a video that can be read \(.*\)\. Get a new copy"),
            ("in.mp4", b"", "is not a video that can be read"),
            ("in.gif", b"GIF", "is not a picture that can be read"),
        ],
    )
    def test_files_of_other_things(
        self, tmp_path: Path, copy: Copy, name: str, content: bytes, message: str
    ) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises((VideoError, ImageError), match=message):
            copy(tmp_path / name, tmp_path / "out.mp4")

    def test_no_pictures_only_sound(self, tmp_path: Path, copy: Copy) -> None:
        source = write_video(tmp_path / "in.mp4", [], sound="aac", sound_only=True)
        with pytest.raises(VideoError, match="has no moving pictures, only sound or data"):
            copy(source, tmp_path / "out.mp4")

    def test_missing(self, tmp_path: Path, copy: Copy) -> None:
        with pytest.raises(VideoError, match=r'The clip ".*in\.mp4" does not exist'):
            copy(tmp_path / "in.mp4", tmp_path / "out.mp4")
        with pytest.raises(VideoError, match=r'No file matches the pattern ".*f_%d\.png"\. Check the folder'):
            copy(tmp_path / "f_%d.png", tmp_path / "out.mp4")
        with pytest.raises(VideoError, match=r'The folder ".*none" of the pattern "f_%d\.png" does not exist'):
            copy(tmp_path / "none" / "f_%d.png", tmp_path / "out.mp4")

    def test_no_paths(self, tmp_path: Path, copy: Copy) -> None:
        with pytest.raises(VideoError, match="The clip has an empty path or one that is no text"):
            copy(3, tmp_path / "out.mp4")  # type: ignore[arg-type]
        with pytest.raises(
            VideoError, match=r"is a folder; give a video, an animation, or a pattern frame_%05d\.png"
        ):
            copy(tmp_path, tmp_path / "out.mp4")
        with pytest.raises(OutputError, match="The output must be a path, got int"):
            copy(write_video(tmp_path / "in.mp4", panning(2)), 3)  # type: ignore[arg-type]

    def test_a_still_picture(self, tmp_path: Path, copy: Copy) -> None:
        st.save_image(scene(32, 32), tmp_path / "in.png")
        with pytest.raises(
            VideoError, match=r'has one frame, and a clip has several\. Use "styletransfer stylize"'
        ):
            copy(tmp_path / "in.png", tmp_path / "out.mp4")

    @pytest.mark.parametrize(
        ("target", "options", "error", "message"),
        [
            ("out.avi", {}, OutputError, r'no clip is written as "\.avi"\. .*Choose one of \.mp4'),
            ("out", {}, OutputError, 'no clip is written as "out"'),
            (
                "out.webm",
                {"codec": "h264"},
                OptionError,
                r"\.webm files hold vp9, not h264\. Choose another suffix",
            ),
            ("out.mp4", {"codec": "h265"}, OptionError, r"Unknown video codec 'h265'\. .*Choose one of: h264"),
            ("out.gif", {"crf": 20}, OptionError, r"crf belongs to video files \(.*\), not to 'out\.gif'"),
            ("out.mp4", {"rate": 10}, VideoError, "rate is for image sequences"),
            ("out.mp4", {"smoothing": 1}, OptionError, r"smoothing must be in \[0, 0\.95\], got 1"),
            ("out.mp4", {"segment": 0}, OptionError, "segment must be a whole number of at least 1"),
            ("none/out.mp4", {}, OutputError, r'the folder ".*none" does not exist'),
            ("none/f_%d.png", {}, OutputError, r'The folder ".*none" does not exist'),
            ("in.mp4", {}, OutputError, "it is the input file"),
        ],
    )
    def test_targets_and_options(
        self, tmp_path: Path, copy: Copy, target: str, options: dict[str, object], error: type, message: str
    ) -> None:
        source = write_video(tmp_path / "in.mp4", panning(2))
        with pytest.raises(error, match=message):
            copy(source, tmp_path / target, **options)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4"]

    def test_a_sequence_that_would_be_overwritten_or_mixed(self, tmp_path: Path, copy: Copy) -> None:
        pattern = write_sequence(tmp_path / "frames", panning(3))
        with pytest.raises(OutputError, match="is the content itself, which is never overwritten"):
            copy(pattern, pattern)
        source = write_video(tmp_path / "in.mp4", panning(2))
        with pytest.raises(
            OutputError, match=r'matches 3 pictures that exist, e\.g\. "frame_001\.png"\. Remove them'
        ):
            copy(source, pattern)

    def test_a_style_that_would_be_overwritten(self, tmp_path: Path, copy: Copy) -> None:
        source = write_animation(tmp_path / "in.gif", panning(2), [40, 40])
        st.save_image(scene(32, 32), tmp_path / "style.png")
        with pytest.raises(OutputError, match="it is a style, and inputs are never overwritten"):
            st.stylize_video(source, tmp_path / "style.png", tmp_path / "style.png")

    def test_an_extra_that_is_missing(self, tmp_path: Path, copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
        source = write_video(tmp_path / "in.mp4", panning(2))
        pattern = write_sequence(tmp_path / "frames", panning(2))
        monkeypatch.setitem(__import__("sys").modules, "av", None)
        with pytest.raises(VideoError, match=r"Video files need PyAV, which is not installed; install the extra"):
            copy(source, tmp_path / "out.mp4")
        assert copy(pattern, tmp_path / "out.gif").frames == 2
        monkeypatch.setitem(__import__("sys").modules, "cv2", None)
        with pytest.raises(VideoError, match=r"Optical flow needs OpenCV, .* Smoothing 0 works without it"):
            copy(pattern, tmp_path / "out.webp", smoothing=0.5)
        assert copy(pattern, tmp_path / "out.webp").flicker.pairs == 0


def test_rates_are_kept_as_fractions(tmp_path: Path, copy: Copy) -> None:
    pattern = write_sequence(tmp_path / "frames", panning(4))
    result = copy(pattern, tmp_path / "out.mp4", rate=30000 / 1001)
    assert open_clip(result.path).rate == Fraction(30000, 1001)
