"""Standard input and output: pictures through pipes, records in files, and streams that take nothing."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from styletransfer import samples
from styletransfer.cli import main, streams
from styletransfer.cli.outputs import default_output
from styletransfer.errors import OutputError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    samples.draw("valley", long_edge=48).save("photo.png")
    samples.draw("mosaic", long_edge=48).save("mosaic.png")
    return tmp_path


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["stylize", *arguments], input=stdin, catch_exceptions=False)


def exit_code(*arguments: str) -> int:
    """Run on the real standard streams of the moment."""
    with pytest.raises(SystemExit) as ended:
        main(["stylize", *arguments], prog_name="styletransfer")
    return int(ended.value.code or 0)


class TestPipes:
    def test_a_picture_comes_in_and_goes_out(self, folder: Path) -> None:
        photo = Path("photo.png").read_bytes()
        result = run("-", "mosaic.png", "-o", "-", stdin=photo)
        assert result.exit_code == 0
        assert result.stderr.startswith("Wrote the picture to standard output (48x36, adain")
        with Image.open(io.BytesIO(result.stdout_bytes)) as piped:
            assert (piped.format, piped.size) == ("PNG", (48, 36))
        run("photo.png", "mosaic.png", "-o", "out.png")
        assert Path("out.png").read_bytes() == result.stdout_bytes

    def test_the_style_may_be_piped_and_names_are_still_made(self, folder: Path) -> None:
        result = run("photo.png", "-", stdin=Path("mosaic.png").read_bytes())
        assert result.stdout.startswith("Wrote photo-input-adain.png ")

    def test_the_format_can_be_chosen(self, folder: Path) -> None:
        result = run("photo.png", "mosaic.png", "-o", "-", "--format", "jpg", "--quiet")
        assert (result.stdout_bytes[:3], result.stderr) == (b"\xff\xd8\xff", "")
        assert "Wrote photo-mosaic-adain.webp" in run("photo.png", "mosaic.png", "--format", "webp").stdout

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["-", "-"], "was given more than once"),
            (["-", "mosaic.png"], "Standard input is empty"),
            (["photo.png", "mosaic.png", "-o", "-", "--json"], "Both --json and -o - write to standard output"),
            (["photo.png", "-"], "style"),
            (["photo.png", "mosaic.png", "--format", "gif"], "Unknown picture format 'gif'"),
            (["photo.png", "mosaic.png", "-o", "out.png", "--quality", "50"], "leave it out"),
            (["photo.png", "mosaic.png", "-o", "out.jpg", "--quality", "0"], "at least 1 and at most 100"),
            (["photo.png", "mosaic.png", "-o", "out.jpg", "--metadata"], "Only PNG carries metadata"),
        ],
    )
    def test_what_cannot_be_done(self, folder: Path, arguments: list[str], message: str) -> None:
        result = run(*arguments, stdin=b"no picture" if "photo.png" in arguments else b"")
        assert result.exit_code == 2
        assert message in result.stderr
        assert sorted(path.name for path in folder.iterdir()) == ["mosaic.png", "photo.png"]

    def test_a_terminal_is_no_place_for_pictures(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        monkeypatch.setattr(sys, "stdin", Terminal())
        monkeypatch.setattr(sys, "stdout", Terminal())
        with pytest.raises(OutputError, match="cannot be shown in a terminal"):
            streams.check_binary_output()
        with pytest.raises(ValueError, match="nothing on standard input"):
            streams.read_bytes()

    def test_an_endless_input_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(streams, "_MOST_BYTES", 100)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(bytes(101))))
        with pytest.raises(ValueError, match="no picture's file"):
            streams.read_bytes()


class TestFiles:
    def test_quality_reaches_the_file(self, folder: Path) -> None:
        for quality in ("95", "20"):
            run("photo.png", "mosaic.png", "-o", f"{quality}.jpg", "--quality", quality)
        assert Path("20.jpg").stat().st_size < Path("95.jpg").stat().st_size

    def test_the_record_goes_into_the_picture(self, folder: Path) -> None:
        result = run("photo.png", "mosaic.png", "-o", "out.png", "--metadata", "--alpha", "0.5", "--json")
        with Image.open("out.png") as picture:
            stored = json.loads(picture.text["styletransfer"])
        assert stored | {"output": "out.png"} == json.loads(result.stdout)
        assert stored["config"]["alpha"] == 0.5
        assert len(stored["hashes"]["content"]) == 64

    @pytest.mark.parametrize("name", ["photo.png", "mosaic.png", "start.png"])
    def test_no_input_is_ever_overwritten(self, folder: Path, name: str) -> None:
        Path("start.png").write_bytes(Path("photo.png").read_bytes())
        before = Path(name).read_bytes()
        method = ["-m", "gatys", "--init", "start.png", "--steps", "1", "--scales", "1"]
        result = run("photo.png", "mosaic.png", *method, "-o", f"./{name}")
        assert result.exit_code == 2
        assert "inputs are never overwritten" in result.stderr
        assert Path(name).read_bytes() == before

    def test_an_init_may_be_a_file(self, folder: Path) -> None:
        method = ["-m", "gatys", "--init", "photo.png", "--steps", "1", "--scales", "1"]
        assert run("photo.png", "mosaic.png", *method, "-o", "out.png").exit_code == 0
        missing = run("photo.png", "mosaic.png", "-m", "gatys", "--init", "none.png")
        assert missing.exit_code == 2
        assert 'init "none.png"' in missing.stderr

    def test_limits_of_the_format_are_checked_before_the_first_step(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Image.new("RGB", (16390, 16)).save("wide.png")

        def work(*_: object, **__: object) -> None:
            raise AssertionError("the work began")

        monkeypatch.setattr("styletransfer.job.Job.run", work)
        result = run("wide.png", "mosaic.png", "--full-size", "-o", "out.webp")
        assert result.exit_code == 2
        assert "does not fit into WEBP" in result.stderr

    def test_a_frame_can_be_chosen(self, folder: Path) -> None:
        frames = [Image.new("RGB", (32, 32), color) for color in ("red", "blue")]
        frames[0].save("two.gif", save_all=True, append_images=frames[1:])
        tint = ["--alpha", "0", "--format", "png", "-o", "-", "-q"]
        first, second = (run("two.gif", "mosaic.png", *tint, "--frame", n).stdout_bytes for n in "01")
        assert first != second
        missing = run("two.gif", "mosaic.png", *tint, "--frame", "7")
        assert missing.exit_code == 2
        assert "frame" in missing.stderr
        assert run("photo.png", "two.gif", *tint, "--style-frame", "1").exit_code == 0

    def test_more_pixels_can_be_allowed(self, folder: Path) -> None:
        result = run("photo.png", "mosaic.png", "--max-pixels", "1000")
        assert result.exit_code == 2
        assert "allow more with max_pixels (--max-pixels)" in result.stderr

    def test_long_names_are_shortened(self, folder: Path) -> None:
        names = ["ä" * 120 + ".png", "b" * 240 + ".png"]
        for name in names:
            Path(name).write_bytes(Path("mosaic.png").read_bytes())
        assert run(*names).exit_code == 0
        assert Path("ä" * 120 + "-2.png").is_file()  # cut to 240 bytes, which is the content's own name
        assert len(os.fsencode(default_output(names[0], names[1:], "adain"))) == 246


class TestNarrowAndFull:
    def test_an_encoding_without_the_character(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        shown = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="latin-1"))
        assert exit_code("photo.png", "mosaic.png", "-o", "画.png") == 0
        assert shown.getvalue().startswith(b"Wrote \\u753b.png (48x36")
        assert Path("画.png").is_file()

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
    @pytest.mark.parametrize("report", [[], ["--json"]])
    def test_a_full_output_keeps_the_picture(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], report: list[str]
    ) -> None:
        with Path("/dev/full").open("w") as full:
            monkeypatch.setattr(sys, "stdout", full)
            assert exit_code("photo.png", "mosaic.png", "-o", "out.png", *report) == 2
        message = "Error: Cannot write to standard output: No space left on device. The picture is in out.png.\n"
        assert capsys.readouterr().err == message
        assert Path("out.png").is_file()

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
    def test_a_full_output_for_the_help(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with Path("/dev/full").open("w") as full:
            monkeypatch.setattr(sys, "stdout", full)
            assert exit_code("--help") == 2
        assert capsys.readouterr().err == "Error: Cannot write to standard output: No space left on device.\n"

    def test_a_closed_output_is_no_fault(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdout", None)
        assert exit_code("photo.png", "mosaic.png", "-o", "out.png") == 0
        assert Path("out.png").is_file()


class TestAbsurdNumbers:
    @pytest.mark.parametrize(
        "arguments",
        [
            ["-m", "gatys", "--steps", "1e400"],
            ["-m", "gatys", "--steps", "9" * 400],
            ["-m", "gatys", "--patience", "9" * 400],
            ["-m", "gatys", "--scales", "1e400"],
            ["-m", "gatys", "--tv-weight", "inf"],
            ["--alpha", "nan"],
        ],
        ids=lambda arguments: " ".join(arguments)[-20:],
    )
    def test_are_refused_in_one_sentence(self, folder: Path, arguments: list[str]) -> None:
        result = run("photo.png", "mosaic.png", *arguments)
        assert result.exit_code == 2
        assert "Error: " in result.stderr
        assert len(result.stderr) < 1500

    def test_or_do_what_they_say(self, folder: Path) -> None:
        patient = ["--patience", str(2**63 - 1), "--tolerance", "0.1", "--steps", "2", "--scales", "1"]
        assert run("photo.png", "mosaic.png", "-m", "gatys", *patient, "-o", "out.png").exit_code == 0
        shares = run("photo.png", "mosaic.png", "photo.png", "--style-mix", "1e308,1e308", "-o", "mixed.png")
        assert shares.exit_code == 0
        run("photo.png", "mosaic.png", "photo.png", "-o", "equal.png", "--long-edge", "9" * 400)
        assert Path("mixed.png").read_bytes() == Path("equal.png").read_bytes()
