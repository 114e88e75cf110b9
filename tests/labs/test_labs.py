"""Every lab runs with its solutions, and stops at the first blank without them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import solve  # docs/labs
from solve import solved
from styletransfer import labs

LABS = Path(__file__).parents[2] / "docs" / "labs"
PAGES = sorted(LABS.glob("lab*.py"))


def quick(text: str) -> str:
    """The same with small pictures and few steps."""
    text = re.sub(r"^EDGE = \d+", "EDGE = 64", text, flags=re.MULTILINE)
    return re.sub(r"^STEPS = \d+", "STEPS = 6", text, flags=re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_runs_with_its_solutions(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(quick(solved(page)), page.name, "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_stops_at_the_first_blank(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(labs.LabError, match=r"is not written yet\. Your task: "):
        exec(compile(quick(page.read_text(encoding="utf-8")), page.name, "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("edge", [64, 128])
@pytest.mark.parametrize("style", ["night", "mosaic"])
def test_the_divergence_of_lab_4_is_one(edge: int, style: str) -> None:
    text, _, _ = solved(LABS / "lab4_gatys.py").partition("# ## With the library")
    text = re.sub(r"^EDGE = \d+", f"EDGE = {edge}", quick(text), flags=re.MULTILINE)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text.replace('"night"', f'"{style}"'), "lab4_gatys.py", "exec"), namespace)
    calm, wild, _, _ = namespace["rates"].values()
    assert calm == sorted(calm, reverse=True)
    assert wild[1] > 10 * wild[0]
    assert not wild[3] < 1e20  # neither is one that is not a number


def test_every_exercise_has_its_place_and_its_check() -> None:
    asked = [
        name for page in PAGES for name in re.findall(r'labs\.check\("(\w+)"', page.read_text(encoding="utf-8"))
    ]
    assert sorted(asked) == sorted(labs.EXERCISES)
    readme = (LABS / "README.md").read_text(encoding="utf-8")
    for page in PAGES:
        assert f"]({page.name})" in readme
    for name in labs.EXERCISES:
        assert f"`{name}`" in readme


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_has_all_of_its_parts(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for part in (
        "**You will be able to**",
        "Time: ",
        "## Theory",
        "## By hand",
        "## With the library",
        "## Stretch",
    ):
        assert part in text, part
    assert "Nothing to download" in text or "nothing to download" in text


class TestForTeachers:
    def test_solved_labs_are_written(self, tmp_path: Path) -> None:
        assert solve.main(["-o", str(tmp_path / "solved"), "lab2_losses", "lab3_inversion.py"]) == 0
        written = tmp_path / "solved" / "lab2_losses.py"
        assert "NotImplementedError" not in written.read_text(encoding="utf-8")
        assert sorted(path.stem for path in written.parent.iterdir()) == ["lab2_losses", "lab3_inversion"]

    def test_labs_are_timed(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(solve, "solved", lambda page: "import pathlib\nprint(pathlib.Path.cwd())\n")
        monkeypatch.chdir(tmp_path)
        assert solve.main(["--run", "lab0_setup"]) == 0
        assert re.fullmatch(r"lab0_setup 0 s\n", capsys.readouterr().out)
        assert Path.cwd() == tmp_path

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "give --run, or -o FOLDER"),
            (["--run", "lab99"], "no lab 'lab99'; there are: lab0_setup"),
            (["-o", str(LABS)], "the labs themselves are in that folder"),
        ],
    )
    def test_mistakes(self, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
        with pytest.raises(SystemExit) as left:
            solve.main(arguments)
        assert left.value.code == 2
        assert message in capsys.readouterr().err
