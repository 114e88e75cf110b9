"""The page itself, in headless Chromium: upload, both methods, sliders, cancel, download, two browsers.

Needs the extra [app], playwright and a Chromium of the system; without them these tests are left out.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from styletransfer import samples
from styletransfer.app.limits import Limits
from styletransfer.app.server import listening, start

gradio = pytest.importorskip("gradio", reason="needs the extra [app]", exc_type=ImportError)
sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="needs Chromium"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
#: Milliseconds that slow machines may take.
PATIENCE = 120_000


class Served:
    """The app of a test, in a thread."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.uploads = folder / "uploads"
        with listening("127.0.0.1", 0) as listener:
            self.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            self.server, self.visitors = start(limits, folder)
            self.thread = threading.Thread(
                target=self.server.run, kwargs={"sockets": [listener.dup()]}, daemon=True
            )
            self.thread.start()
        with urllib.request.urlopen(f"{self.address}/gradio_api/info", timeout=60) as answer:
            self.page_inputs = json.load(answer)["named_endpoints"]["/paint"]["parameters"]
        while not self.server.started:
            time.sleep(0.05)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(30)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    app = Served(tmp_path_factory.mktemp("app"), Limits(long_edge=128, upload_megabytes=1, upload_megapixels=1))
    yield app
    app.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(served: Served, browser: Any) -> Iterator[Any]:
    yield (opened := open_page(served, browser))
    opened.context.close()


def open_page(served: Served, browser: Any) -> Any:
    page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    page.set_default_timeout(PATIENCE)
    page.outside = []  # whatever is asked of other machines
    page.on(
        "request",
        lambda r: None if r.url.startswith((served.address, "data:", "blob:")) else page.outside.append(r.url),
    )
    page.goto(served.address)
    page.wait_for_selector("#content img")
    return page


def set_number(page: Any, label: str, value: float) -> None:
    box = page.get_by_label(f"number input for {label}", exact=True)
    box.fill(str(value))
    box.press("Tab")
    page.wait_for_timeout(300)  # the page tells its state of the value a moment later


def make_quick(page: Any, steps: int = 3) -> None:
    """Ask for a small picture in few steps."""
    set_number(page, "long_edge", 64)
    page.get_by_text("Options of Gatys", exact=True).click()
    page.wait_for_timeout(1000)  # what is typed before a widget is alive is lost
    set_number(page, "steps", steps)


def state(page: Any, *words: str) -> str:
    """The state once it begins with one of some words."""
    page.wait_for_function(
        "words => words.some(word => document.querySelector('#state').innerText.trim().startsWith(word))",
        arg=list(words),
    )
    return str(page.inner_text("#state")).strip()


def upload(page: Any, place: str, file: Path) -> None:
    page.locator(f"#{place} button[aria-label='Remove Image'], #{place} button[aria-label='Clear']").first.click()
    page.locator(f"#{place} input[type=file]").set_input_files(str(file))


def settings_of(page: Any, folder: Path) -> dict[str, Any]:
    with page.expect_download() as waiting:
        page.locator("#files a", has_text="KB").nth(2).click()
    waiting.value.save_as(folder / "settings.json")
    return json.loads((folder / "settings.json").read_text())


def test_both_methods_with_an_upload_a_slider_and_downloads(page: Any, served: Served, tmp_path: Path) -> None:
    samples.draw("valley", long_edge=96).save(tmp_path / "my valley.png")
    upload(page, "content", tmp_path / "my valley.png")
    page.wait_for_selector("#content img")
    make_quick(page)
    set_number(page, "style_weight", 12)
    page.click("#paint")
    assert state(page, "Done").startswith("Done: AdaIN ")
    for method in ("adain", "gatys"):
        assert page.locator(f"#picture-{method} img").get_attribute("src").startswith("data:image/jpeg")
    assert "step 3 of 3" in page.inner_text("#picture-gatys")
    page.wait_for_selector("#curve img")
    assert "Gatys loss" in page.inner_text("#table")
    kept = settings_of(page, tmp_path)
    assert kept["settings"]["options"]["gatys"] == {"style_weight": 12, "steps": 3}
    assert kept["settings"]["long_edge"] == 64
    assert kept["pictures"]["content"] == "my valley.png"
    with page.expect_download() as waiting:
        page.locator("#files a", has_text="KB").first.click()
    waiting.value.save_as(tmp_path / "result.png")
    assert (tmp_path / "result.png").read_bytes().startswith(b"\x89PNG")
    assert page.outside == []


def test_a_preset_fills_the_form_and_is_what_is_asked(page: Any, tmp_path: Path) -> None:
    make_quick(page)
    page.get_by_label("preset", exact=True).click()
    page.get_by_role("option", name="gatys2016", exact=True).click()
    page.wait_for_function(
        "document.querySelector('[aria-label=\"number input for style_weight\"]').value == '1000'"
    )
    set_number(page, "steps", 2)
    page.click("#paint")
    state(page, "Done")
    assert settings_of(page, tmp_path)["settings"]["options"]["gatys"] == {"preset": "gatys2016", "steps": 2}


def test_cancel_keeps_what_was_reached(page: Any) -> None:
    make_quick(page, steps=1000)
    page.click("#paint")
    state(page, "Gatys: step")
    page.click("#cancel")
    assert state(page, "Cancelled") == "Cancelled; what was reached is kept."
    page.wait_for_selector("#files a")
    page.wait_for_selector("#paint:not([disabled])")


def test_two_browsers_at_once_take_turns(page: Any, served: Served, browser: Any) -> None:
    other = open_page(served, browser)
    make_quick(page, steps=1000)
    make_quick(other)
    page.click("#paint")
    state(page, "Gatys: step")
    other.click("#paint")
    assert state(other, "Waiting") == "Waiting: 1 before you."
    page.click("#cancel")
    state(other, "Done")
    other.context.close()


def test_closing_the_browser_stops_the_work_and_removes_the_files(
    served: Served, browser: Any, tmp_path: Path
) -> None:
    page = open_page(served, browser)
    samples.draw("valley", long_edge=80).save(tmp_path / "leaving.png")
    upload(page, "content", tmp_path / "leaving.png")
    page.wait_for_selector("#content img")
    make_quick(page, steps=1000)
    page.click("#paint")
    state(page, "Gatys: step")
    assert list(served.uploads.rglob("leaving.png"))
    page.context.close()
    ends = time.monotonic() + 60
    while list(served.uploads.rglob("leaving.png")) or served.visitors.desk.busy:
        assert time.monotonic() < ends
        time.sleep(0.2)


def test_a_picture_that_is_none_is_told(page: Any, tmp_path: Path) -> None:
    (tmp_path / "words.png").write_text("no picture")
    upload(page, "content", tmp_path / "words.png")
    make_quick(page)
    page.wait_for_timeout(1000)
    page.click("#paint")
    assert "not a picture that can be read" in state(page, "The content")


def test_a_value_out_of_range_is_told(page: Any) -> None:
    page.get_by_text("Options of AdaIN", exact=True).click()
    page.get_by_text("More", exact=True).first.click()
    page.get_by_label("passes").fill("99")
    page.click("#paint")
    assert state(page, "passes") == "passes must be a whole number of at least 1 and at most 8, got 99."


def test_too_large_an_upload_is_refused(page: Any, tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 1_500_000)
    upload(page, "content", tmp_path / "large.png")
    page.get_by_text("exceed", exact=False).first.wait_for()


def call_paint(served: Served, data: list[Any]) -> str:
    """What the server answers to a call that the page would not make."""
    call = json.dumps({"data": data}).encode()
    address = f"{served.address}/gradio_api/call/paint"
    with urllib.request.urlopen(
        urllib.request.Request(address, call, {"Content-Type": "application/json"}), timeout=30
    ) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{address}/{event}", timeout=60) as answer:
        return str(answer.read().decode())


@pytest.mark.parametrize("more", [{}, {"meta": {"_type": "gradio.FileData"}}, {"is_stream": True}])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_path_where_a_picture_belongs_is_refused(
    served: Served, tmp_path: Path, more: dict[str, Any], place: int
) -> None:
    """Asked without the page, since the page has no place for a path."""
    secret = tmp_path / "secret-of-the-server.png"
    samples.draw("valley", long_edge=64).save(secret)
    sample = {"path": str(next(served.uploads.rglob("valley.webp")))}
    pictures: list[Any] = [sample, sample, None]
    pictures[place] = {"path": str(secret), **more}
    count = len(served.page_inputs) - 6
    told = call_paint(served, [*pictures, ["adain"], 64, 1, *[None] * count])
    assert "event: error" in told or "this one was not" in told
    assert "data:image" not in told
    assert secret.exists()
    assert not list(served.uploads.rglob(secret.name))
    for path in (str(secret), str(Path(__file__))):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{served.address}/gradio_api/file={path}", timeout=30)
        assert refused.value.code in (403, 404)


def test_other_values_than_the_page_sends_are_told(served: Served) -> None:
    sample = {"path": str(next(served.uploads.rglob("valley.webp")))}
    count = len(served.page_inputs) - 6
    for methods in (True, 0.5, ["waifu"], [[]]):
        told = call_paint(served, [sample, sample, None, methods, 64, 1, *[None] * count])
        assert "methods must be a list" in told or "Unknown method" in told


def test_nothing_may_be_loaded_from_elsewhere(served: Served) -> None:
    with urllib.request.urlopen(served.address, timeout=30) as answer:
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
