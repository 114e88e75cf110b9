"""The version and the distribution's name, where every module can read them without importing the public face."""

from __future__ import annotations

__version__ = "0.1.0"

#: What pip installs. The name `styletransfer` belongs to another project on the package index.
DISTRIBUTION = "styletransfer-toolkit"


def conflicting_distribution() -> str | None:
    """Return name and version of the other project if it is installed too: its files replace those of this one.

    An editable installation of an earlier version of this project has no such files.
    """
    from importlib import metadata

    try:
        other = metadata.distribution("styletransfer")
    except metadata.PackageNotFoundError:
        return None
    shared = any(file.parts[0] == "styletransfer" for file in other.files or ())
    return f"styletransfer {other.version}" if shared else None
