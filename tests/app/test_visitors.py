"""Painting for visitors: what they see, what is kept, cancelling, waiting, leaving."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from styletransfer import samples
from styletransfer.app import painting as painting_module
from styletransfer.app import views
from styletransfer.app.limits import Limits
from styletransfer.app.painting import Painting
from styletransfer.app.settings import Settings
from styletransfer.app.visitors import View, Visitors
from styletransfer.errors import OptionError, OutputError

QUICK = {"steps": 3, "scales": (1.0,)}
BOTH = Settings(methods=("adain", "gatys"), long_edge=64, options={"adain": {}, "gatys": QUICK})
ENDLESS = Settings(
    methods=("adain", "gatys"), long_edge=64, options={"gatys": {"steps": 10_000, "scales": (1.0,)}}
)


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    (tmp_path / "uploads").mkdir()
    return tmp_path / "uploads"


@pytest.fixture
def content(uploads: Path) -> Path:
    samples.draw("valley", long_edge=64).save(uploads / "my photo.png")
    return uploads / "my photo.png"


@pytest.fixture
def style(uploads: Path) -> Path:
    samples.draw("mosaic", long_edge=64).save(uploads / "tiles.png")
    return uploads / "tiles.png"


@pytest.fixture
def visitors(uploads: Path) -> Iterator[Visitors]:
    yield (here := Visitors(Limits(), uploads))
    here.leave_all()


def until_working(seen: Iterator[View], method: str) -> View:
    """The first view in which a method has begun."""
    return next(view for view in seen if any(run.method == method and run.history for run in view.runs))


def test_both_methods_are_painted_judged_and_kept(visitors: Visitors, content: Path, style: Path) -> None:
    seen = list(visitors.paint("ada", content, style, BOTH))
    last = seen[-1]
    assert last.state == "done"
    assert last.message.startswith("Done: AdaIN ")
    assert [run.method for run in last.runs] == ["adain", "gatys"]
    assert all(run.done and run.picture for run in last.runs)
    assert last.comparison is not None
    assert [path.name for path in last.files] == [
        "adain.png",
        "gatys.png",
        "settings.json",
        "comparison.png",
        "comparison.md",
    ]
    with Image.open(last.files[0]) as written:
        assert written.size == (64, 48)
    kept = json.loads(last.files[2].read_text())
    assert kept["settings"]["options"]["gatys"] == {"steps": 3, "scales": [1.0]}
    assert kept["pictures"] == {"content": "my photo.png", "style": "tiles.png", "preserve": None}
    assert kept["commands"][1] == (
        "styletransfer stylize 'my photo.png' tiles.png -m gatys --long-edge 64 --steps 3 --scales 1"
    )
    assert kept["comparison"]["runs"]["gatys"]["config"]["steps"] == 3


def test_settings_and_preserve_do_what_they_do_elsewhere(visitors: Visitors, content: Path, style: Path) -> None:
    kept = content.with_name("kept.png")
    mask = Image.new("L", (64, 48), 0)
    mask.paste(255, (0, 0, 32, 48))
    mask.save(kept)
    asked = Settings(methods=("adain",), long_edge=64, strength=0.5)
    *_, last = visitors.paint("ada", content, style, asked, preserve=kept)
    assert last.comparison is not None
    result = last.comparison.results["adain"]
    assert result.strength == 0.5
    assert result.content is not None
    change = (result.image - result.content.rgb).abs()
    assert float(change[..., :31].max()) < 0.01
    assert float(change[..., 40:].mean()) > 0.02
    assert last.commands[0].endswith("--strength 0.5 --preserve kept.png")


def test_cancelling_keeps_what_was_reached(visitors: Visitors, content: Path, style: Path) -> None:
    seen = visitors.paint("ada", content, style, ENDLESS)
    view = until_working(seen, "gatys")
    assert "Gatys: step " in view.message
    visitors.cancel("ada")
    *_, last = seen
    assert last.message == "Cancelled; what was reached is kept."
    assert last.state == "done"
    assert [path.name for path in last.files][:2] == ["adain.png", "gatys.png"]
    assert last.comparison is not None
    assert last.comparison.results["gatys"].stopped == "interrupted"
    assert visitors.desk.line_up().ahead == 0


def test_a_limit_of_time_keeps_what_was_reached(content: Path, style: Path, uploads: Path) -> None:
    visitors = Visitors(Limits(seconds=1), uploads)
    *_, last = visitors.paint("ada", content, style, ENDLESS)
    assert last.message.startswith("Stopped after 1 seconds, the limit of this app")
    assert last.comparison is not None


def test_the_second_visitor_waits_and_may_give_up(visitors: Visitors, content: Path, style: Path) -> None:
    first = visitors.paint("ada", content, style, ENDLESS)
    until_working(first, "gatys")
    second = visitors.paint("grace", content, style, BOTH)
    assert next(second).message == "Waiting: 1 before you."
    visitors.cancel("grace")
    assert [view.message for view in second] == ["Cancelled before it began."]
    third = visitors.paint("emmy", content, style, BOTH)
    assert next(third).state == "waiting"
    visitors.cancel("ada")
    list(first)
    assert list(third)[-1].state == "done"


def test_one_comparison_at_a_time_for_each(visitors: Visitors, content: Path, style: Path) -> None:
    seen = visitors.paint("ada", content, style, ENDLESS)
    next(seen)
    with pytest.raises(OptionError, match="Your comparison is still running"):
        next(visitors.paint("ada", content, style, BOTH))
    visitors.cancel("ada")
    assert list(seen)[-1].over


def test_a_closed_browser_stops_the_work_and_takes_the_files_along(
    visitors: Visitors, content: Path, style: Path
) -> None:
    seen = visitors.paint("ada", content, style, ENDLESS)
    until_working(seen, "gatys")
    visitors.leave("ada")
    seen.close()  # type: ignore[attr-defined]
    assert visitors.desk.line_up().wait(60)
    assert list((visitors.folder / "results").iterdir()) == []
    assert not content.exists()
    assert not style.exists()
    visitors.leave("ada")  # twice does nothing


def test_files_that_others_use_stay(visitors: Visitors, content: Path, style: Path) -> None:
    sample = content.with_name("mosaic.webp")
    sample.write_bytes(Path(str(samples.find("mosaic"))).read_bytes())
    quick = Settings(methods=("adain",), long_edge=64)
    assert (
        [*visitors.paint("ada", content, sample, quick)][-1]
        .commands[0]
        .startswith("styletransfer stylize 'my photo.png' mosaic -m adain")
    )
    assert visitors.note("grace", content) is None  # uploaded, and not painted with yet
    visitors.note("grace", style)
    visitors.leave("ada")
    assert content.exists()
    assert sample.exists()  # which the page offers to all
    visitors.leave("grace")
    assert not content.exists()


@pytest.mark.parametrize("what", ["content", "style"])
def test_a_missing_picture_is_named(visitors: Visitors, content: Path, what: str) -> None:
    given = {"content": content, "style": content, what: None}
    with pytest.raises(OptionError, match=f"There is no {what} picture yet"):
        next(visitors.paint("ada", given["content"], given["style"], BOTH))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"not a picture", "The content is not a picture that can be read"),
        (b"", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "The content"),
    ],
)
def test_what_is_no_picture_is_told(
    visitors: Visitors, content: Path, style: Path, data: bytes, message: str
) -> None:
    content.write_bytes(data)
    *_, last = visitors.paint("ada", content, style, BOTH)
    assert last.state == "problem"
    assert message in last.message
    assert str(content.parent) not in last.message  # places on the server are nobody's business


def test_a_huge_picture_is_refused(content: Path, style: Path, uploads: Path) -> None:
    Image.new("1", (2000, 1000)).save(content)
    visitors = Visitors(Limits(upload_megapixels=1), uploads)
    *_, last = visitors.paint("ada", content, style, BOTH)
    assert last.state == "problem"
    assert "2000x1000" in last.message


def test_a_file_that_is_gone_is_told(visitors: Visitors, content: Path, style: Path) -> None:
    content.unlink()
    with pytest.raises(OptionError, match="upload it again"):
        next(visitors.paint("ada", content, style, BOTH))


@pytest.mark.parametrize("where", ["outside", "link", "results", "missing", "nul", "folder", "pipe"])
@pytest.mark.parametrize("place", ["content", "style", "preserve"])
def test_no_file_but_an_upload_is_read_or_removed(
    visitors: Visitors, content: Path, style: Path, tmp_path: Path, where: str, place: str
) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(content.read_bytes())
    paths = {
        "outside": secret,
        "link": visitors.folder / "link.png",
        "results": visitors.folder / "results" / "other.png",
        "missing": tmp_path / "nothing.png",
        "nul": Path("a\0b"),
        "folder": visitors.folder,
        "pipe": visitors.folder / "pipe",
    }
    if os.name != "posix" and where in ("link", "pipe"):
        pytest.skip("needs links and pipes")
    if where == "link":
        paths["link"].symlink_to(secret)
    if where == "pipe":
        os.mkfifo(paths["pipe"])
    paths["results"].write_bytes(content.read_bytes())
    given = {"content": content, "style": style, place: paths[where]}
    with pytest.raises(OptionError, match=r"was not|upload it again"):
        next(visitors.paint("ada", given["content"], given["style"], BOTH, preserve=given.get("preserve")))
    assert "was not" in str(visitors.note("ada", paths[where])) or where in ("folder", "pipe")
    visitors.leave("ada")
    assert secret.exists()
    assert paths["results"].exists()


def test_who_does_not_say_goodbye_is_forgotten(
    visitors: Visitors, content: Path, style: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = visitors.paint("grace", content, style, ENDLESS)
    until_working(seen, "adain")
    visitors.note("ada", style)
    now = time.monotonic()
    visitors.sweep()
    assert len(list((visitors.folder / "results").iterdir())) == 2
    monkeypatch.setattr("styletransfer.app.visitors.time.monotonic", lambda: now + 3601)
    visitors.sweep()
    assert len(list((visitors.folder / "results").iterdir())) == 1  # who is painted for stays
    visitors.cancel("grace")
    list(seen)


def test_what_is_no_picture_is_noted(visitors: Visitors, content: Path) -> None:
    content.write_bytes(b"words")
    assert "not a picture that can be read" in str(visitors.note("ada", content))


def test_a_full_disk_takes_no_picture_from_the_page(
    visitors: Visitors, content: Path, style: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OutputError("no space at /some/place")

    monkeypatch.setattr("styletransfer.comparing.result.write_contents", full)
    *_, last = visitors.paint("ada", content, style, BOTH)
    assert last.state == "problem"
    assert "/some/place" not in last.message
    assert last.comparison is not None


def test_what_a_reader_chose_is_told(visitors: Visitors, content: Path, style: Path) -> None:
    frames = [Image.new("RGB", (48, 32), color) for color in ("red", "blue")]
    moving = content.with_name("moving.gif")
    frames[0].save(moving, save_all=True, append_images=frames[1:])
    *_, last = visitors.paint("ada", moving, style, Settings(methods=("adain",), long_edge=64))
    assert "has several frames" in last.message


def test_a_fault_of_ours_is_no_silence(
    visitors: Visitors,
    content: Path,
    style: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(painting_module, "compare", broken)
    *_, last = visitors.paint("ada", content, style, BOTH)
    assert last.message == "The app failed (ZeroDivisionError); its terminal tells more."
    assert "a fault" in capsys.readouterr().err
    assert visitors.desk.line_up().ahead == 0


def test_a_comparison_can_be_watched_from_another_thread(content: Path, style: Path) -> None:
    painting = Painting(content.read_bytes(), style.read_bytes(), ENDLESS, Limits())
    ended = threading.Event()
    painting.start(at_end=ended.set)
    while not painting.runs["gatys"].seconds_left:
        assert not painting.wait(0.05)
    run = painting.runs["gatys"]
    assert run.picture is not None
    assert run.picture[:2] == b"\xff\xd8"
    painting.cancel()
    assert painting.wait(60)
    assert ended.is_set()


def test_views_are_html_without_a_way_out() -> None:
    assert "&lt;script&gt;" in views.state(View(message="<script>", state="problem"))
    assert 'role="alert"' in views.state(View(message="x", state="problem"))
    assert "AdaIN" in views.picture("adain", None)
    assert views.curve(View(message="", state="working")) == ""


def test_the_view_of_a_run_tells_step_seconds_and_loss(visitors: Visitors, content: Path, style: Path) -> None:
    *_, last = visitors.paint("ada", content, style, BOTH)
    shown = views.picture("gatys", last.runs[1])
    assert "step 3 of 3" in shown
    assert "loss" in shown
    assert "data:image/jpeg;base64," in shown
    assert "data:image/png;base64," in views.curve(last)
    assert last.comparison is not None
    table = views.table(last.comparison)
    assert table.count("<tr") == 12  # a head, and one for each figure
    assert "Gatys loss: the total that Gatys minimises" in table
