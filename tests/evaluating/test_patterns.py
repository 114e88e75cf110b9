"""From a pattern or a table to the files of each method."""

from __future__ import annotations

from pathlib import Path

import pytest

from styletransfer.errors import ImageError, OptionError
from styletransfer.evaluating.patterns import find_pictures
from styletransfer.evaluating.sets import Pair, PairSet

PAIRS = tuple(Pair(Path(f"c/{c}.png"), Path(f"s/{s}.png")) for c in ("one", "two.v1") for s in ("wave", "{x}"))
SET = PairSet("pairs.csv", PAIRS)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_pattern_fills_in_names() -> None:
    found = find_pictures(["a=out/{style}/{content}_{content}.png", "b = x {content}{style}.jpg "], SET)
    assert list(found) == ["a", "b"]
    assert found["a"](PAIRS[2]) == Path("out/wave/two.v1_two.v1.png")
    assert found["b"](PAIRS[1]) == Path("x one{x}.jpg")  # braces of a name stay


def test_patterns_by_name_may_hold_equals_signs() -> None:
    found = find_pictures({"a": "alpha=1/{content}_{style}.png"}, SET)
    assert found["a"](PAIRS[0]) == Path("alpha=1/one_wave.png")


def test_any_suffix(folder: Path) -> None:
    for name in ("one_wave.jpg", "one_wave.json", "two.v1_wave.png", "two.v1_wave.webp"):
        (folder / name).touch()
    find = find_pictures("a={content}_{style}.*", SET)["a"]
    assert find(PAIRS[0]) == Path("one_wave.jpg")
    with pytest.raises(ImageError, match=r"fits several files \(two.v1_wave.png, two.v1_wave.webp\)"):
        find(PAIRS[2])
    assert find(PAIRS[1]) == Path("one_{x}.*")  # missing; reading it tells


def test_a_table_names_files_relative_to_it(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub/mine.csv").write_text(
        "method,content,style,stylized\nmine,one,wave,1.png\nmine,c/two.v1.png,wave,2.png\nother,one,wave,3.png\n"
        "mine,elsewhere,wave,4.png\n"
    )
    found = find_pictures(["sub/mine.csv", "third={content}{style}.png"], SET)
    assert list(found) == ["mine", "other", "third"]
    assert found["mine"](PAIRS[0]) == Path("sub/1.png")
    assert found["mine"](PAIRS[2]) == Path("sub/2.png")
    with pytest.raises(ImageError, match=r"has no picture for two\.v1, wave"):
        found["other"](PAIRS[2])


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        (["out/{content}_{style}.png"], "give NAME=PATTERN"),
        (["=out/{content}_{style}.png"], "give NAME=PATTERN"),
        (["mine="], "give NAME=PATTERN"),
        (["mine=out/{content}.png"], r"has no \{style\}, so it names one file for several pairs"),
        (["mine=out/{content}_{styl}.png"], r"has a field \{styl\}; the fields are"),
        (["mine=a/{content}{style}.png", "mine =b/{content}{style}.png"], 'method "mine" was given twice'),
        ([], "no method to judge"),
        (["gone.csv"], 'table "gone.csv" does not exist'),
    ],
)
def test_what_is_refused(folder: Path, pictures: list[str], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        find_pictures(pictures, SET)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("", "lists no pictures"),
        (
            "mine,one,wave,1.png\nmine,c/one.png,wave,2.png\n",
            r"two pictures of mine for one, wave \(lines 2 and 3\)",
        ),
        ("mine,one,,1.png\n", 'line 2, has no "style"'),
    ],
)
def test_tables_that_are_refused(folder: Path, rows: str, said: str) -> None:
    (folder / "mine.csv").write_text("method,content,style,stylized\n" + rows)
    with pytest.raises(OptionError, match=said):
        find_pictures("mine.csv", SET)


def test_one_pair_needs_no_fields() -> None:
    single = PairSet("pairs", PAIRS[:1])
    assert find_pictures("mine=result.png", single)["mine"](PAIRS[0]) == Path("result.png")
