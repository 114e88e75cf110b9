"""What one visitor of the app may ask of the machine, so that a class can share it."""

from __future__ import annotations

from dataclasses import dataclass

from styletransfer._checks import integer

#: Smallest size that is offered, pixels.
SMALLEST_EDGE = 64
#: What each of the `Limits` may be.
BOUNDS = {
    "long_edge": (SMALLEST_EDGE, 8192),
    "seconds": (1, 86_400),
    "waiting": (0, 30),  # each of those who wait holds a thread of the server, which has forty
    "upload_megabytes": (1, 1000),
    "upload_megapixels": (1, 1000),
    "kept_minutes": (1, 10_000),
}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of the app.

    Attributes:
        long_edge: Longest side of a picture that is painted, pixels.
        seconds: A comparison that takes longer is stopped; what it has reached is kept.
        waiting: How many may wait while one is painted for.
        upload_megabytes: Largest file that is taken.
        upload_megapixels: Largest picture that is decoded.
        kept_minutes: Files of visitors whose browser did not say goodbye are removed after so long.

    Raises:
        OptionError: A value outside its range.

    Example:
        >>> Limits(long_edge=512).waiting
        20
    """

    long_edge: int = 768
    seconds: int = 900
    waiting: int = 20
    upload_megabytes: int = 20
    upload_megapixels: int = 50
    kept_minutes: int = 60

    def __post_init__(self) -> None:
        """Check every value."""
        for name, (low, high) in BOUNDS.items():
            integer(getattr(self, name), name, low=low, high=high)
