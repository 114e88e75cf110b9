from __future__ import annotations

import os
from pathlib import Path

import pytest

from styletransfer.batching.outputs import Inputs, check_places, suffix_of, tasks_of
from styletransfer.batching.sources import Source, Sources, find_contents
from styletransfer.errors import OptionError, OutputError

NIGHT = Source("night", "night")


def outputs(*names: str, name: str = "{content}-{style}", style: Source = NIGHT) -> list[str]:
    pairs = [(Source(content, content), style) for content in names]
    return [task.output for task in tasks_of(pairs, name, ".png")]


def test_the_tree_is_kept_and_names_follow_the_pattern() -> None:
    assert outputs("a.jpg", "b/c.jpg") == ["a-night.png", "b/c-night.png"]
    assert outputs("b/c.jpg", name="{style}/{content}") == ["night/b/c.png"]
    assert outputs("b/c.jpg", name="{content}") == ["b/c.png"]
    assert outputs("a.jpg", style=Source("dutch/1650/rembrandt.jpg", "x")) == ["a-dutch-1650-rembrandt.png"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a.jpg", "a.png"), '"a.jpg" in "night" and "a.png" in "night" would both be written to "a-night.png"'),
        (("a.jpg", "A.jpg"), 'written to "a-night.png" and "A-night.png", which many systems take for one file'),
        (("caf\u00e9.jpg", "cafe\u0301.jpg"), "which many systems take for one file"),
    ],
)
def test_two_pairs_are_never_written_to_one_file(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(OptionError, match=f"{message}.*Rename one"):
        outputs(*names)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{conten}", r"has a field \{conten\}; the fields are \{content\} and \{style\}"),
        ("plain", "gives no places below the output folder"),
        ("../{content}", "gives no places below the output folder"),
        ("/tmp/{content}", "gives no places below the output folder"),
    ],
)
def test_bad_names_are_refused(name: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        outputs("a.jpg", name=name)


def test_formats_have_suffixes() -> None:
    assert [suffix_of(name) for name in ("png", "JPG", ".webp")] == [".png", ".jpg", ".webp"]
    with pytest.raises(OptionError, match="Unknown picture format 'gif'"):
        suffix_of("gif")


@pytest.mark.parametrize("place", ["photos/out", "photos", "photos/trip"])
def test_the_output_never_lies_in_the_input(photos: Path, place: str) -> None:
    with pytest.raises(OutputError, match=r'lies in the content folder "photos".*Choose a folder beside it'):
        check_places(place, find_contents(photos), Sources(()), [])
    with pytest.raises(OutputError, match="lies in the style folder"):
        check_places(place, Sources(()), find_contents("photos/**/*.png"), [])


def test_a_link_does_not_hide_that_it_does(photos: Path) -> None:
    Path("link").symlink_to(photos / "trip")
    with pytest.raises(OutputError, match="lies in the content folder"):
        check_places("link", find_contents(photos), Sources(()), [])


def test_a_folder_beside_is_taken_and_not_made(photos: Path) -> None:
    assert check_places("out", find_contents(photos), Sources(()), ["map.jsonl"]) == Path("out")
    assert not Path("out").exists()


def test_inputs_are_known_under_any_name(photos: Path) -> None:
    os.link(photos / "2.png", "hard.png")
    Path("other.png").touch()
    inputs = Inputs(find_contents(photos), Sources((NIGHT,)))
    inputs.refuse("other.png", Path("other.png").stat())
    with pytest.raises(
        OutputError, match="is one of the inputs, or a link to one, and inputs are never overwritten"
    ):
        inputs.refuse("hard.png", Path("hard.png").stat())


@pytest.mark.parametrize(
    ("content", "style", "name"),
    [
        ("a.jpg", "...png", "{style}/{content}"),
        ("...png", "b.png", "{content}/{style}"),
        ("a.jpg", "b.png", "{content}/"),
    ],
)
def test_no_name_leads_out_of_the_folder(content: str, style: str, name: str) -> None:
    pair = Source(content, content), Source(style, style)
    with pytest.raises(OptionError, match="which is no name below the output folder"):
        tasks_of([pair], name, ".png")
