"""Which pairs a set has, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from styletransfer.errors import OptionError
from styletransfer.evaluating.sets import Pair, read_set


def table(folder: Path, *rows: str) -> Path:
    path = folder / "pairs.csv"
    path.write_text("\n".join(["content,style", *rows]), encoding="utf-8")
    return path


def test_paths_are_relative_to_the_table(tmp_path: Path) -> None:
    chosen = read_set(table(tmp_path, "in/my photo.jpg,b.png", f"in/my photo.jpg,{tmp_path / 'c.v2.png'}"))
    assert chosen.name == "pairs.csv"
    assert chosen.pairs[0] == Pair(tmp_path / "in" / "my photo.jpg", tmp_path / "b.png")
    assert [pair.key for pair in chosen.pairs] == [("my photo", "b"), ("my photo", "c.v2")]


def test_names_are_found_in_folders(tmp_path: Path) -> None:
    for name in ("c/one.jpg", "c/two.v1.png", "s/wave.webp", "s/two.v1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    path = table(tmp_path, "one,wave", "two.v1.png,two.v1", "gone,wave")
    pairs = read_set(path, contents=tmp_path / "c", styles=tmp_path / "s").pairs
    assert [pair.content.name for pair in pairs] == ["one.jpg", "two.v1.png", "gone"]
    assert [pair.style.name for pair in pairs] == ["wave.webp", "two.v1.png", "wave.webp"]
    (tmp_path / "c/one.png").touch()
    with pytest.raises(OptionError, match=r"fits several files \(one.jpg, one.png\)"):
        read_set(path, contents=tmp_path / "c", styles=tmp_path / "s")


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_names_that_no_file_can_have_are_left_to_reading(tmp_path: Path, name: str) -> None:
    assert read_set(table(tmp_path, f"{name},b.png"), contents=tmp_path).pairs[0].content == tmp_path / name


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "has no pairs"),
        (["a.png,b.png", "c.png,b.png", "a.png,b.png"], r"has the pair a, b twice \(line 2, line 4\)"),
        (["x/a.png,b.png", "y/a.png,c.png"], 'Two content pictures of the set "pairs.csv" are named "a"'),
        (["a.png,b.png", "c.png,b.jpg"], 'Two style pictures .* are named "b"'),
    ],
)
def test_what_is_refused(tmp_path: Path, rows: list[str], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        read_set(table(tmp_path, *rows))


def test_pairs_in_python() -> None:
    assert read_set([("a.png", Path("b.png"))]).pairs == (Pair(Path("a.png"), Path("b.png")),)
    with pytest.raises(OptionError, match="must be two paths"):
        read_set([("a.png", "b.png", "c.png")])


class TestStyleID:
    def folders(self, root: Path, contents: int, styles: int) -> tuple[Path, Path]:
        for kind, number in (("c", contents), ("s", styles)):
            (root / kind).mkdir()
            for i in range(number):
                (root / kind / f"{i:02}.png").touch()
        return root / "c", root / "s"

    def test_every_content_with_every_style(self, tmp_path: Path) -> None:
        contents, styles = self.folders(tmp_path, 20, 40)
        chosen = read_set("styleid", contents=contents, styles=styles)
        assert (len(chosen.pairs), chosen.long_edge) == (800, 512)
        assert [pair.key for pair in chosen.pairs[39:41]] == [("00", "39"), ("01", "00")]
        with pytest.raises(OptionError, match="is judged at 512 pixels, got long_edge=256"):
            read_set("styleid", contents=contents, styles=styles, long_edge=256)

    def test_another_number_is_refused_with_what_was_found(self, tmp_path: Path) -> None:
        contents, styles = self.folders(tmp_path, 19, 40)
        with pytest.raises(OptionError, match=r"20 contents and 40 styles, but .* holds 19 pictures and .* 40\."):
            read_set("styleid", contents=contents, styles=styles)

    def test_it_needs_folders(self, tmp_path: Path) -> None:
        with pytest.raises(OptionError, match="takes two folders"):
            read_set("styleid", contents=tmp_path)
        with pytest.raises(OptionError, match=r'folder ".*none" cannot be read'):
            read_set("styleid", contents=tmp_path / "none", styles=tmp_path)
