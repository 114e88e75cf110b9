"""CSV files as spreadsheets and people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from styletransfer.errors import OptionError
from styletransfer.evaluating.tables import by_stem, read_table

ROW = [(2, {"content": "a.png", "style": "b.png"})]


@pytest.mark.parametrize(
    "data",
    [
        b"content,style\na.png,b.png\n",
        b"\xef\xbb\xbfcontent;style\r\na.png;b.png\r\n",  # as Excel saves it in much of Europe
        b"Style\tContent\tnote\nb.png\ta.png\tx\n",
        b'content,style\n"a.png",  b.png  \n\n , \n',
    ],
    ids=["plain", "BOM, semicolons, CRLF", "tabs, another order, a third column", "quotes, blanks"],
)
def test_what_is_understood(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    assert read_table(tmp_path / "t.csv", ("content", "style")) == ROW


def test_names_may_have_spaces_commas_and_any_letters(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('content,style\nmy photo.png,"a, b.png"\nübung.png,絵.png\n', encoding="utf-8")
    cells = [cells for _, cells in read_table(tmp_path / "t.csv", ("content", "style"))]
    assert cells[0] == {"content": "my photo.png", "style": "a, b.png"}
    assert cells[1] == {"content": "übung.png", "style": "絵.png"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty; its first line must be content,style"),
        (b"\n \n", "is empty"),
        (b";;\n", "holds delimiters only; its first line must be content,style"),
        (b"content,stile\na,b\n", r'needs one column "style".*content,stile.*Did you mean "stile"'),
        (b"content,content,style\na,b,c\n", 'needs one column "content"'),
        (b"a.png,b.png\n", 'needs one column "content", its first line is "a.png,b.png"'),
        (b"content,style\na.png\n", 'line 2, has no "style"'),
        (b"content,style\na.png,b.png\n,b.png\n", 'line 3, has no "content"'),
        (b"content,style\na, b.png,c.png\n", "line 2, has 3 cells, the first line 2; put a name with a comma"),
        (b'content,style\n"a.png,b.png\n', "is no CSV"),
        (
            "content,style\nübung.png,b.png\n".encode("latin-1"),
            r"is no UTF-8 text \(byte 15\); save it as CSV in UTF-8",
        ),
        ("content,style\n".encode("utf-16"), "is no UTF-8 text"),
    ],
)
def test_what_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(OptionError, match=said):
        read_table(tmp_path / "t.csv", ("content", "style"))


def test_a_missing_table_suggests_a_neighbour(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").touch()
    with pytest.raises(OptionError, match=r'does not exist\. Did you mean "pairs.csv"'):
        read_table(tmp_path / "pair.csv", ("content",))
    with pytest.raises(OptionError, match="is a folder; give a CSV file"):
        read_table(tmp_path, ("content",))


def test_pictures_by_name(tmp_path: Path) -> None:
    for name in ("a.PNG", "a.jpg", "b.v1.webp", "notes.txt", ".hidden.png", "a.json"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    found = {stem: [path.name for path in paths] for stem, paths in by_stem(tmp_path).items()}
    assert found == {"a": ["a.PNG", "a.jpg"], "b.v1": ["b.v1.webp"]}
    assert by_stem(tmp_path / "none") == {}
    with pytest.raises(OptionError, match="cannot be read"):
        by_stem(tmp_path / "none", must=True)
