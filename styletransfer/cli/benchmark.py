"""`styletransfer benchmark`: run the benchmarks that come with the package, and show the report."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import click

import styletransfer
from styletransfer.errors import OptionError, OutputError, StyleTransferError

#: pytest's exit codes: interrupted, wrong usage. The report's: interrupted.
_INTERRUPTED, _USAGE, _STOPPED = 2, 4, 130


@click.command("benchmark", short_help="Measure speed, memory and quality of every method.")
@click.option("--quick", is_flag=True, help="Few rounds of small pictures: four to seven minutes on two cores.")
@click.option(
    "--device",
    "devices",
    multiple=True,
    type=click.Choice(["cpu", "cuda", "mps"]),
    help="Measure on this device only; may be repeated. By default on all there are.",
)
@click.option("--judge", metavar="NAME", help="Who judges the pictures; vgg19-oxford where it is installed.")
@click.option("--huge", is_flag=True, help="Measure 4096x2160 pixels too; needs about 16 GB of memory.")
@click.option(
    "-o",
    "--output",
    default="styletransfer-benchmark",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where to write.",
)
@click.option("--no-open", is_flag=True, help="Do not show the report in a browser.")
def benchmark_command(
    quick: bool, devices: tuple[str, ...], judge: str | None, huge: bool, output: Path, no_open: bool
) -> None:
    """Measure speed, memory and quality of every method, and write one page about them.

    Runs the benchmark suite on this machine (nothing is downloaded) and writes results.json, report.html,
    report.md, report.csv and pictures.webp. Without --quick it takes about twenty minutes. Ctrl-C keeps what is
    finished.
    """
    _check_tools()
    root = suite()
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {output} cannot be made: {error.strerror}. Choose another with -o."
        ) from error
    results = output.resolve() / "results.json"
    results.unlink(missing_ok=True)  # an old file must not pass for the result of a run that failed
    options = ["--quick"] * quick + ["--huge"] * huge + [f"--device={device}" for device in devices]
    options += [f"--judge={judge}"] * (judge is not None)
    code = _python(
        root,
        *("-m", "pytest", "benchmarks", "-c", str(root / "benchmarks" / "suite.ini"), f"--rootdir={root}"),
        *("--benchmark-only", f"--benchmark-json={results}", "-q", *options),
    )
    if code == _USAGE:
        raise OptionError("The benchmarks cannot run like this; pytest's message above says why.")
    if results.is_file() and results.stat().st_size:
        arguments = ["-m", "benchmarks.report", str(results)] + ["--open"] * (not no_open)
        reported = _python(root, *arguments)
        again = f"the results are in {results}. Write it from {root}: python -m benchmarks.report {results}"
        if reported == _STOPPED:
            raise KeyboardInterrupt(f"Interrupted during the report; {again}")
        if reported:
            raise StyleTransferError(f"The report could not be written; {again}")
        click.echo(f"The results are in {output}: look at {output / 'report.html'}.")
    if code == _INTERRUPTED:
        raise KeyboardInterrupt("Interrupted; the rows that were finished are kept.")
    if code:
        click.get_current_context().exit(1)


def suite() -> Path:
    """Return the folder that contains ``benchmarks``: the checkout, or the copy that the wheel carries.

    Raises:
        OptionError: Neither is there.
    """
    package = Path(styletransfer.__file__).parent
    for root in (package.parent, package / "_benchmarks"):
        if (root / "benchmarks" / "conftest.py").is_file():
            return root
    raise OptionError(
        "This installation has no benchmarks: they come with the wheel and with a checkout. "
        'Install the package again: python -m pip install "styletransfer-toolkit[bench]".'
    )


def _check_tools() -> None:
    missing = [name for name in ("pytest", "pytest_benchmark") if importlib.util.find_spec(name) is None]
    if missing:
        raise OptionError(
            f'The benchmarks need {" and ".join(missing)}: python -m pip install "styletransfer-toolkit[bench]".'
        )


def _python(root: Path, *arguments: str) -> int:
    """Run Python in the benchmarks' folder, on the package that this command belongs to; return its exit code."""
    paths = [str(root), str(Path(styletransfer.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    with subprocess.Popen([sys.executable, *arguments], cwd=root, env=environment) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # Ctrl-C reached the suite as well; it ends by itself and keeps its finished rows
