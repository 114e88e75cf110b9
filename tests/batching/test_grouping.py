from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from styletransfer.batching.grouping import Groups


@given(st.lists(st.integers(0, 4), max_size=60), st.integers(1, 5), st.integers(1, 12))
def test_every_item_comes_out_once_with_its_kind_and_none_waits_for_long(
    kinds: list[int], room: int, most: int
) -> None:
    groups = Groups[tuple[int, int]](most)
    given_out = []
    for number, kind in enumerate(kinds):
        given_out += groups.add((kind, number), kind, room)
        assert groups.waiting <= most
    given_out += groups.rest()
    assert groups.waiting == 0
    assert sorted(item for group in given_out for item in group) == sorted((k, n) for n, k in enumerate(kinds))
    for group in given_out:
        assert len({kind for kind, _ in group}) == 1
        assert 1 <= len(group) <= room
