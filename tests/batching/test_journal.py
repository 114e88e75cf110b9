from __future__ import annotations

import csv
import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from styletransfer.batching.journal import MAP, TABLE, Journal
from styletransfer.batching.stamps import Stamp
from styletransfer.errors import OutputError

STYLE = Stamp("f" * 64, 7, 8)


def done(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "status": "done",
        "output": f"{number}.png",
        "content": f"{number}.jpg",
        "style": "night",
        "settings": "s",
        "size": [32, 24],
        "seconds": 0.5,
        **Stamp(f"{number:064x}", number, number).record("content"),
        **STYLE.record("style"),
        "output_bytes": 100 + number,
        "output_sha256": "e" * 64,
        **fields,
    }


def filled(folder: Path, count: int = 3) -> Journal:
    with Journal(folder) as journal:
        journal.start({"alpha": 1}, {"id": "s", "options": {"alpha": 1}})
        for number in range(count):
            journal.add(done(number))
    return journal


def test_what_was_added_is_read(tmp_path: Path) -> None:
    written = filled(tmp_path)
    read = Journal(tmp_path)
    assert read.entries == written.entries
    assert read.entries["1.png"].content == Stamp(f"{1:064x}", 1, 1)
    assert read.entries["1.png"][2:5] == (STYLE, 101, False)
    assert (read.damaged, len(read.entries)) == (0, 3)


def test_the_latest_line_counts(tmp_path: Path) -> None:
    filled(tmp_path)
    with Journal(tmp_path) as journal:
        journal.add({"status": "failed", "output": "0.png", "reason": "gone", "settings": "s"})
        journal.add(done(1, settings="other"))
        table = journal.write_table()
    read = Journal(tmp_path)
    assert read.entries["0.png"].content is None
    assert read.entries["1.png"].settings == "other"
    with table.open(newline="") as file:
        rows = {row["output"]: row for row in csv.DictReader(file)}
    assert len(rows) == 3
    assert (rows["0.png"]["status"], rows["0.png"]["reason"]) == ("failed", "gone")
    assert (rows["2.png"]["options"], rows["2.png"]["width"], rows["2.png"]["height"]) == (
        '{"alpha":1}',
        "32",
        "24",
    )


def test_figures_have_columns_of_their_own(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.add(done(0, figures={"content": 0.25}))
        journal.write_table()
    assert Journal(tmp_path).entries["0.png"].judged
    with (tmp_path / TABLE).open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["content"], row["judge_content"]) == ("0.jpg", "0.25")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.integers(0, 3000))
def test_a_map_that_is_cut_anywhere_keeps_its_whole_lines_and_goes_on(tmp_path: Path, cut: int) -> None:
    (tmp_path / MAP).unlink(missing_ok=True)
    filled(tmp_path)
    data = (tmp_path / MAP).read_bytes()[:cut]
    (tmp_path / MAP).write_bytes(data)
    whole = data.count(b"\n")
    journal = Journal(tmp_path)
    assert len(journal.entries) == max(0, whole - 2)
    with journal:
        journal.add(done(9))
    again = Journal(tmp_path)
    assert again.entries.keys() == journal.entries.keys() >= {"9.png"}
    assert again.damaged == 0
    for line in (tmp_path / MAP).read_bytes().splitlines():
        json.loads(line)


def test_damaged_lines_are_counted_and_not_done(tmp_path: Path) -> None:
    filled(tmp_path)
    lines = (tmp_path / MAP).read_bytes().splitlines(keepends=True)
    lines[2] = b"\xff" * 20 + b"\n"
    lines[3] = lines[3].replace(b'"output_bytes"', b'"bytes"')
    (tmp_path / MAP).write_bytes(b"".join(lines))
    read = Journal(tmp_path)
    assert (read.damaged, list(read.entries)) == (2, ["2.png"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello\n", "is no map of a batch; move it away"),
        ('{"format":"other"}\n', "is no map of a batch"),
        ('{"format":"styletransfer batch map","version":9}\n', "written by another version of styletransfer"),
    ],
)
def test_other_files_are_left_alone(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / MAP).write_text(text)
    with pytest.raises(OutputError, match=message):
        Journal(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="no locks there")
def test_two_processes_do_not_write_to_one_folder(tmp_path: Path) -> None:
    with Journal(tmp_path), pytest.raises(OutputError, match="Another process is writing to"), Journal(tmp_path):
        pass


def test_lines_that_another_process_added_meanwhile_are_kept(tmp_path: Path) -> None:
    late = Journal(tmp_path)
    filled(tmp_path)
    with late:
        late.add(done(9))
    assert set(Journal(tmp_path).entries) == {"0.png", "1.png", "2.png", "9.png"}


def test_adding_needs_a_with_statement(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="use it in a with statement"):
        Journal(tmp_path).add(done(0))


def test_names_of_any_bytes_survive(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.add(done(0, output="caf\udce9.png", content="日本.jpg"))
        journal.write_table()
    assert list(Journal(tmp_path).entries) == ["caf\udce9.png"]


def test_a_hundred_thousand_lines_are_read_in_little_time_and_memory(tmp_path: Path) -> None:
    """Without torch, whose own import takes more than the map."""
    filled(tmp_path, 1)
    line = (tmp_path / MAP).read_text().splitlines()[-1]
    with (tmp_path / MAP).open("a") as file:
        for number in range(100_000):
            file.write(
                line.replace("0.png", f"some/folder/picture{number}-night.png").replace("0" * 60, f"{number:060x}")
                + "\n"
            )
    code = """
        import sys, time
        import psutil
        from pathlib import Path
        from styletransfer.batching.journal import Journal
        began = time.process_time()
        journal = Journal(Path(sys.argv[1]))
        print(len(journal.entries), time.process_time() - began, psutil.Process().memory_info().rss)
        assert "torch" not in sys.modules
    """
    words = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    count, seconds, held = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    assert count == "100001"
    assert float(seconds) < 5
    assert int(held) < 300e6


@pytest.mark.parametrize("text", ['{"mine": "precious"}', '{"format":"another', "words"])
def test_a_map_of_another_program_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / MAP).write_text(text)
    with pytest.raises(OutputError, match="is no map of a batch"):
        Journal(tmp_path)
    assert (tmp_path / MAP).read_text() == text


def test_a_map_that_was_just_begun_goes_on(tmp_path: Path) -> None:
    (tmp_path / MAP).write_text('{"format":"styletr')
    assert len(filled(tmp_path).entries) == 3


def test_a_table_of_another_program_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / TABLE).write_text("name,grade\nada,1\n")
    with pytest.raises(OutputError, match="is no table of a batch"):
        filled(tmp_path)
    assert (tmp_path / TABLE).read_text() == "name,grade\nada,1\n"
