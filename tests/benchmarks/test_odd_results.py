"""Results files that are damaged, odd or no files: our own error with exit code 2, within seconds."""

from __future__ import annotations

import copy
import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks import check
from benchmarks.report import __main__ as report
from benchmarks.results_file import Results, ResultsError, load

[COMMITTED] = (Path(__file__).parents[2] / "benchmarks" / "results").glob("*.json")
WHOLE = json.loads(COMMITTED.read_text(encoding="utf-8"))
#: One row of every kind.
KINDS = {(row["extra_info"]["case"]["what"], "trace" in row["extra_info"]): row for row in WHOLE["benchmarks"]}
SMALL = WHOLE | {"benchmarks": list(KINDS.values())}
ODD = (None, True, -1, 0, 1e308, 10**400, float("nan"), "", "$x_{", "\x00", "x" * 10**5, [], [[]], {}, {"a": {}})


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value[:3]):
            yield from places(inner, (*path, key))


PLACES = [path for path in places(SMALL) if path]


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    data: dict[str, Any] = copy.deepcopy(SMALL)
    owner: Any = data
    for key in path[:-1]:
        owner = owner[key]
    if value is ...:
        del owner[path[-1]]
    else:
        owner[path[-1]] = value
    return data


def read(path: Path) -> Results | None:
    began = time.perf_counter()
    try:
        return load(path)
    except ResultsError:
        return None
    finally:
        assert time.perf_counter() - began < 2


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(PLACES), value=st.sampled_from((..., *ODD)))
def test_a_changed_value_is_refused_or_harmless(place: tuple[Any, ...], value: Any, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(changed(place, value)), encoding="utf-8")
    read(path)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_let_through_can_be_reported_and_compared(seed: int, tmp_path: Path) -> None:
    """Every report takes a second, so that only a few of the changed files that are accepted are reported."""
    rng, path = random.Random(seed), tmp_path / "results.json"
    for _ in range(50):
        path.write_text(json.dumps(changed(rng.choice(PLACES), rng.choice((..., *ODD)))), encoding="utf-8")
        results = read(path)
        if results is not None:
            report.write([path], tmp_path)
            check.check(results, results, {})
            return


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200), cut=st.integers(0, 5000))
def test_bytes_are_refused(content: bytes, cut: int, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    whole = json.dumps(SMALL).encode()
    for data in (content, whole[:cut] + content, whole[:cut] + content + whole[cut:]):
        path.write_bytes(data)
        read(path)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        '{"benchmarks": [], "machine_info": {}, "styletransfer": {"schema": ' + "1" * 10_000 + "}}",
        "NaN",
    ],
    ids=["deep", "long number", "no number"],
)
def test_json_that_claims_too_much_is_refused(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "results.json"
    path.write_text(text, encoding="utf-8")
    assert report.main([str(path)]) == 2
    assert "Error: " in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "nothing", "name"])
def test_what_is_no_file_is_refused(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = {"device": Path("/dev/zero"), "folder": tmp_path, "name": Path("x" * 5000)}.get(
        kind, tmp_path / "x.json"
    )
    if kind == "pipe":
        os.mkfifo(path)
    assert report.main([str(path)]) == 2
    assert check.main([str(path), str(path)]) == 2
    assert "results file" in capsys.readouterr().err


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    with path.open("wb") as file:
        file.truncate(40 * 2**30)
    with pytest.raises(ResultsError, match="no run writes so much"):
        load(path)
