"""From a stream of pictures to batches of one kind, without waiting for long. Free of torch."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Groups(Generic[Item]):
    """Collects items by kind and gives them out in groups.

    Args:
        most: Items that may wait; beyond it the kind that has waited longest is given out as it is.

    Example:
        >>> groups = Groups[str](most=4)
        >>> [groups.add(word, len(word), room=2) for word in ("a", "bb", "c")]
        [[], [], [['a', 'c']]]
        >>> list(groups.rest())
        [['bb']]
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[Hashable, list[Item]] = {}

    @property
    def waiting(self) -> int:
        """How many items wait."""
        return sum(len(items) for items in self._waiting.values())

    def add(self, item: Item, kind: Hashable, room: int) -> list[list[Item]]:
        """Take an item; return the groups that are complete by it, or that have waited for too long.

        Args:
            item: The item.
            kind: What a group shares.
            room: Items in a group of this kind.
        """
        items = self._waiting.setdefault(kind, [])
        items.append(item)
        given = [self._waiting.pop(kind)] if len(items) >= room else []
        while self.waiting > self._most:
            given.append(self._waiting.pop(next(iter(self._waiting))))
        return given

    def rest(self) -> Iterator[list[Item]]:
        """Give what is left."""
        while self._waiting:
            yield self._waiting.pop(next(iter(self._waiting)))
