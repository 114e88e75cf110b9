"""The queue: one comparison is painted at a time, the others wait in the order in which they came."""

from __future__ import annotations

import threading

from styletransfer.errors import OptionError


class Desk:
    """Where visitors line up.

    Args:
        waiting: How many may wait while one is painted for.

    Example:
        >>> desk = Desk(waiting=1)
        >>> first, second = desk.line_up(), desk.line_up()
        >>> first.ahead, second.ahead
        (0, 1)
        >>> first.leave()
        >>> second.ahead
        0
    """

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
        self._line: list[Ticket] = []
        self._changed = threading.Condition()

    @property
    def busy(self) -> bool:
        """Whether anybody is in line."""
        with self._changed:
            return bool(self._line)

    def line_up(self) -> Ticket:
        """Take a place at the end.

        Raises:
            OptionError: There is none left.
        """
        with self._changed:
            if len(self._line) > self.waiting:
                raise OptionError(
                    f"One picture is being painted and {self.waiting} more are waiting, which is as many as this "
                    "app takes. Try again in a minute."
                )
            ticket = Ticket(self)
            self._line.append(ticket)
            return ticket


class Ticket:
    """A place in the line of a `Desk`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @property
    def ahead(self) -> int:
        """How many come before; 0 when it is this one's turn."""
        with self._desk._changed:
            return self._desk._line.index(self)

    def wait(self, seconds: float) -> bool:
        """Wait for the turn, at most so long, and return whether it has come."""
        desk = self._desk
        with desk._changed:
            return desk._changed.wait_for(lambda: desk._line[0] is self, seconds)

    def leave(self) -> None:
        """Give the place up; a second time does nothing."""
        with self._desk._changed:
            if self in self._desk._line:
                self._desk._line.remove(self)
                self._desk._changed.notify_all()
