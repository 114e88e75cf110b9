from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styletransfer.batching.pairing import pairs
from styletransfer.batching.sources import Source
from styletransfer.errors import OptionError


def sources(prefix: str, count: int) -> list[Source]:
    return [Source(f"{prefix}{i}.jpg", f"/{prefix}{i}.jpg") for i in range(count)]


def test_product_goes_content_by_content() -> None:
    found = [(c.stem, s.stem) for c, s in pairs(sources("c", 2), sources("s", 2))]
    assert found == [("c0", "s0"), ("c0", "s1"), ("c1", "s0"), ("c1", "s1")]


def test_product_takes_a_picture_that_was_named_twice_once() -> None:
    assert len(list(pairs(sources("c", 2) * 2, sources("s", 1)))) == 2


def test_zip_goes_one_by_one_and_keeps_repeats_with_other_partners() -> None:
    contents = [*sources("c", 1), *sources("c", 2)]
    found = [(c.stem, s.stem) for c, s in pairs(contents, sources("s", 3), "zip")]
    assert found == [("c0", "s0"), ("c0", "s1"), ("c1", "s2")]


@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 3), st.data())
def test_random_styles_depend_on_names_and_seed_alone(
    contents: int, styles: int, seed: int, data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, styles))
    c, s = sources("c", contents), sources("s", styles)
    drawn = list(pairs(c, s, "random", styles_per_content=count, seed=seed))
    assert Counter(content for content, _ in drawn) == dict.fromkeys(c, count)
    assert len(set(drawn)) == len(drawn)
    shuffled = pairs(
        data.draw(st.permutations(c)), data.draw(st.permutations(s)), "random", styles_per_content=count, seed=seed
    )
    assert set(shuffled) == set(drawn)


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 3))
def test_another_style_changes_only_the_pairs_that_it_takes(contents: int, styles: int, count: int) -> None:
    c, s = sources("c", contents), sources("s", styles + count)
    before = set(pairs(c, s[:-1], "random", styles_per_content=count) if styles + count > count else ())
    after = set(pairs(c, s, "random", styles_per_content=count))
    assert all(style == s[-1] for _, style in after - before)


def test_another_content_changes_no_other_one() -> None:
    c, s = sources("c", 50), sources("s", 7)
    assert set(pairs(c[:-1], s, "random")) < set(pairs(c, s, "random"))


def test_styles_are_drawn_evenly_and_seeds_differ() -> None:
    c, s = sources("c", 4000), sources("s", 8)
    drawn = [list(pairs(c, s, "random", seed=seed)) for seed in (0, 1)]
    shares = Counter(style for _, style in drawn[0])
    assert min(shares.values()) > 400  # 500 each; the deviation is 21
    assert 300 < sum(one == other for one, other in zip(*drawn, strict=True)) < 700


@pytest.mark.parametrize(
    ("pairing", "options", "message"),
    [
        ("prodcut", {}, 'Did you mean "product"'),
        ("zip", {}, r"got 3 content\(s\) and 2 style\(s\)"),
        ("product", {"styles_per_content": 2}, "is for pairing=\"random\", got 'product'"),
        ("random", {"styles_per_content": 3}, r"there are only 2 style\(s\)"),
        ("random", {"styles_per_content": 0}, "styles_per_content must be a whole number of at least 1"),
        ("random", {"seed": -1}, "seed must be a whole number"),
    ],
)
def test_bad_pairings_are_refused(pairing: str, options: dict[str, int], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        list(pairs(sources("c", 3), sources("s", 2), pairing, **options))
