"""What a peer declares about itself, and whether it is there; free of torch."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from styletransfer.errors import PeerError


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Another program that paints one picture in the manner of another.

    Attributes:
        name: How it is called here; also the name of its picture's file.
        title: What it is.
        licence: Of the code and of the weights, as its authors state it.
        source: Where it comes from.
        install: The one command that gets it; empty for a program of the user's.
        command: Its command line, with placeholders such as ``{content}``.
        clock: What its seconds contain: ``"work"`` alone, measured by `worker` after a warm-up, or the
            ``"whole process"`` with start, imports, loading, reading and writing.
        settings: How it is run.
        threads: How it is given the number of threads.
        modules: Modules of Python that it needs; they are looked for, not imported.
        distribution: Which installed distribution tells its version.
        files: What its folder has to hold, where it runs from a folder of the user's.
        folder: That folder.
    """

    name: str
    title: str
    licence: str
    source: str
    install: str
    command: tuple[str, ...]
    clock: Literal["work", "whole process"]
    settings: Mapping[str, str] = field(default_factory=dict)
    threads: str = "OMP_NUM_THREADS; whether the program uses it is not known"
    modules: tuple[str, ...] = ()
    distribution: str | None = None
    files: tuple[str, ...] = ()
    folder: Path | None = None

    def lacks(self) -> str | None:
        """Say what is not there of all that the peer needs, or return None."""
        for module in self.modules:
            if importlib.util.find_spec(module) is None:
                return f'the package "{module}" is not installed'
        if self.files and self.folder is None:
            return f"it runs from a folder of yours, {self.name}=FOLDER"
        for name in self.files:
            if self.folder is not None and not (self.folder / name).is_file():
                return f'the folder "{self.folder}" has no file "{name}"'
        program = self.command[0]
        return None if program == "{python}" or shutil.which(program) else f'there is no program "{program}"'

    def require(self) -> Peer:
        """Return the peer itself.

        Raises:
            PeerError: Something that it needs is not there.
        """
        if lacking := self.lacks():
            cure = f"Get it: {self.install}" if self.install else "Check its name and path."
            raise PeerError(f"{self.name} cannot run: {lacking}. {cure}")
        return self

    def version(self) -> str:
        """Return the version of the distribution, or a hash of the folder's files; "unknown" for neither."""
        if self.folder is not None and self.lacks() is None:
            digest = hashlib.sha256(b"".join((self.folder / name).read_bytes() for name in self.files))
            return f"files {digest.hexdigest()[:8]}"
        try:
            return importlib.metadata.version(self.distribution or "")
        except (importlib.metadata.PackageNotFoundError, ValueError):
            return "unknown"
