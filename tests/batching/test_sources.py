from __future__ import annotations

from pathlib import Path

import pytest

from styletransfer import samples
from styletransfer.batching.sources import Source, find_contents, find_styles, natural
from styletransfer.errors import ImageError, OptionError, StyleTransferError


def names(sources: tuple[Source, ...]) -> list[str]:
    return [source.name for source in sources]


def test_a_folder_is_searched_in_natural_order_and_its_tree_is_kept(photos: Path) -> None:
    (photos / "notes.txt").touch()
    (photos / ".hidden.png").touch()
    found = find_contents(photos)
    assert names(found.items) == ["2.png", "10.png", "trip/1.jpg", "trip/3.png"]
    assert [source.stem for source in found.items] == ["2", "10", "trip/1", "trip/3"]
    assert [Path(source.place).is_file() for source in found.items] == [True] * 4
    assert found.folders == (photos,)


def test_the_working_folder_itself_can_be_given(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)
    assert names(find_contents(".").items) == ["2.png", "10.png", "trip/1.jpg", "trip/3.png"]
    assert names(find_contents("**/*.png").items) == ["2.png", "10.png", "trip/3.png"]


def test_formats_that_are_not_read_are_named(photos: Path) -> None:
    (photos / "phone.heic").touch()
    assert [problem.path.name for problem in find_contents(photos).left_out] == ["phone.heic"]


def test_a_pattern_keeps_the_tree_below_its_first_wildcard(photos: Path) -> None:
    (photos / "trip" / "list.txt").touch()
    assert names(find_contents("photos/**/*").items) == ["2.png", "10.png", "trip/1.jpg", "trip/3.png"]
    assert names(find_contents("photos/tr*/*.png").items) == ["trip/3.png"]
    assert names(find_contents(Path("photos").absolute() / "*.png").items) == ["2.png", "10.png"]


def test_a_table_keeps_its_order_and_may_name_a_picture_twice(photos: Path) -> None:
    Path("photos/pairs.csv").write_text("content,style\ntrip/1.jpg,night\n2.png,10.png\ntrip/1.jpg,mosaic\n")
    assert names(find_contents("photos/pairs.csv").items) == ["trip/1.jpg", "2.png", "trip/1.jpg"]
    styles = find_styles("photos/pairs.csv").items
    assert names(styles) == ["night", "10.png", "mosaic"]
    assert styles[1].place == str(photos / "10.png")


def test_a_list_may_hold_anything(photos: Path) -> None:
    found = find_styles([photos / "trip" / "1.jpg", "mosaic", photos / "trip", photos / "2.png"])
    assert names(found.items) == ["trip/1.jpg", "mosaic", "1.jpg", "3.png", "2.png"]


def test_a_single_file_is_known_by_its_name(photos: Path) -> None:
    assert names(find_contents(photos / "trip" / "1.jpg").items) == ["1.jpg"]


def test_all_styles_of_a_file_of_codes_are_taken(photos: Path) -> None:
    from styletransfer import codes
    from styletransfer.methods import create_stylizer

    stylizer = create_stylizer("adain", device="cpu")
    made = [codes.encode(samples.draw("night", long_edge=32), stylizer, name=name) for name in ("a", "b")]
    codes.save_codes("own.safetensors", made)
    assert [(s.name, s.place) for s in find_styles("own.safetensors").items] == [
        ("a", "own.safetensors#a"),
        ("b", "own.safetensors#b"),
    ]
    assert names(find_styles("own.safetensors#b").items) == ["b"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "There are no contents"),
        ("", "an empty text"),
        (3, "contents must be a list, got 3"),
        ([3], "Each of contents must be a text or path"),
        ("empty", 'The content folder "empty" is empty'),
        ("texts", r"holds 1 file\(s\), none of which is named like a picture"),
        ("none.png", 'The content "none.png" does not exist'),
        ("none/*.png", 'The content pattern "none/\\*.png" fits no file'),
        ("texts/*", r"fits 1 file\(s\), none of them named like a picture"),
        ("none.csv", 'The table "none.csv" does not exist'),
        ("blank.csv", 'The table "blank.csv" lists no content'),
        ("style.csv", 'needs one column "content"'),
    ],
)
def test_bad_contents_are_refused(photos: Path, given: object, message: str) -> None:
    Path("empty").mkdir()
    Path("texts").mkdir()
    Path("texts/a.txt").touch()
    Path("blank.csv").write_text("content\n")
    Path("style.csv").write_text("style\nnight\n")
    with pytest.raises((OptionError, ImageError), match=message):
        find_contents(given)  # type: ignore[arg-type]


def test_an_unknown_style_is_refused_with_a_hint() -> None:
    with pytest.raises(StyleTransferError, match='Did you mean "mosaic"'):
        find_styles("mosiac")


def test_the_natural_order_counts() -> None:
    assert sorted(["b10", "B9", "a", "b1/2", "b01"], key=natural) == ["a", "b01", "b1/2", "B9", "b10"]
