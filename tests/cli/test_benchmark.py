"""`styletransfer benchmark`: it finds the suite, runs it, and passes on what went wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from styletransfer.cli import benchmark, main


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["benchmark", *arguments], catch_exceptions=False)


class Suite:
    """Stands in for the processes: remembers their arguments, writes results, ends with a code."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, code: int = 0, writes: bool = True) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.reported = 0
        self.code = code
        self.writes = writes
        monkeypatch.setattr(benchmark, "_python", self)

    def __call__(self, root: Path, *arguments: str) -> int:
        self.calls.append(arguments)
        assert (root / "benchmarks" / "conftest.py").is_file()
        if "pytest" not in arguments:
            return self.reported
        [target] = [word.partition("=")[2] for word in arguments if word.startswith("--benchmark-json=")]
        if self.writes:
            Path(target).write_text("{}", encoding="utf-8")
        return self.code


def test_it_runs_the_suite_and_the_report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    suite = Suite(monkeypatch)
    result = run("--quick", "--device", "cpu", "--judge", "vgg19-lite-1", "-o", str(tmp_path / "out"))
    assert result.exit_code == 0
    assert "report.html" in result.stdout
    measured, reported = suite.calls
    assert {"--benchmark-only", "--quick", "--device=cpu", "--judge=vgg19-lite-1"} <= set(measured)
    assert reported[:2] == ("-m", "benchmarks.report")
    assert "--open" in reported
    run("--no-open", "-o", str(tmp_path / "out"))
    assert "--open" not in suite.calls[-1]


def test_a_failed_row_is_no_success(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Suite(monkeypatch, code=1)
    assert run("-o", str(tmp_path)).exit_code == 1


def test_wrong_usage_is_the_user_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Suite(monkeypatch, code=4, writes=False)
    result = run("--device", "mps", "-o", str(tmp_path))
    assert result.exit_code == 2
    assert "pytest's message above says why" in result.stderr


def test_ctrl_c_reports_what_was_finished(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    suite = Suite(monkeypatch, code=2)
    result = run("-o", str(tmp_path))
    assert result.exit_code == 130
    assert "the rows that were finished are kept" in result.stderr
    assert len(suite.calls) == 2


@pytest.mark.parametrize(("code", "ends"), [(130, 130), (2, 2)])
def test_a_report_that_is_not_written_can_be_had_later(
    code: int, ends: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Suite(monkeypatch).reported = code
    result = run("-o", str(tmp_path))
    assert result.exit_code == ends
    assert f"python -m benchmarks.report {tmp_path / 'results.json'}" in result.stderr


def test_an_old_result_does_not_pass_for_a_new_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("old", encoding="utf-8")
    suite = Suite(monkeypatch, code=1, writes=False)
    assert run("-o", str(tmp_path)).exit_code == 1
    assert len(suite.calls) == 1


def test_without_the_tools_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = run("-o", str(tmp_path))
    assert result.exit_code == 2
    assert 'pip install "styletransfer-toolkit[bench]"' in result.stderr


def test_without_the_suite_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("styletransfer.__file__", str(tmp_path / "styletransfer" / "__init__.py"))
    result = run("-o", str(tmp_path))
    assert result.exit_code == 2
    assert "has no benchmarks" in result.stderr


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    result = run("-o", str(tmp_path / "file" / "out"))
    assert result.exit_code == 2
    assert "Choose another with -o" in result.stderr
