from __future__ import annotations

import pytest
import torch

import styletransfer as st
from styletransfer import samples
from styletransfer.methods.gatys.strength import holding, mixed_in


def test_full_strength_holds_nothing_more() -> None:
    assert holding(1.0, (4, 5)) is None
    whole = holding(torch.ones(1, 1, 8, 10), (4, 5))
    assert whole is not None
    torch.testing.assert_close(whole, torch.ones(1, 1, 4, 5))


def test_the_content_counts_more_where_there_is_less() -> None:
    number = holding(0.5, (4, 5))
    assert number is not None
    assert float(number) == 16
    strength = torch.ones(1, 1, 8, 8)
    strength[..., :4] = 0.5
    held = holding(strength, (2, 2))
    assert held is not None
    assert float(held[0, 0, 0, 0]) > 8 > 2 > float(held[0, 0, 0, 1])


def test_none_at_all_is_the_content() -> None:
    image, content = torch.rand(2, 1, 3, 8, 8)
    assert torch.equal(mixed_in(image, content, 0.0), content)
    assert torch.equal(mixed_in(image, content, torch.zeros(1, 1, 8, 8)), content)
    assert mixed_in(image, content, 0.5) is image


def test_strength_is_monotone_for_the_judge() -> None:
    content, style = (st.load_image(samples.draw(name, long_edge=96)) for name in ("harbour", "mosaic"))
    results = [
        st.stylize(content, style, "gatys", device="cpu", steps=(8, 12), strength=s) for s in (0, 0.3, 0.6, 1)
    ]
    assert (results[0].image - content).abs().max() < 1 / 255
    judged = [st.evaluate(result, content, style, judge="vgg19-lite-1") for result in results]
    ratios, changes = [one.style_ratio for one in judged], [one.content for one in judged]
    assert ratios == sorted(ratios, reverse=True)
    assert changes == sorted(changes)
    assert ratios[0] > 0.95
    assert ratios[1] > ratios[3] + 0.1


def test_a_map_spares_one_side() -> None:
    content, style = (st.load_image(samples.draw(name, long_edge=96)) for name in ("harbour", "mosaic"))
    strength = torch.zeros(1, 1, *content.shape[2:])
    strength[..., 48:] = 1
    image = st.stylize(content, style, "gatys", device="cpu", steps=20, scales=(1.0,), strength=strength).image
    change = (image - content).abs().mean(1)
    assert change[..., :40].max() < 1 / 255
    assert change[..., 56:].mean() > 0.02


@pytest.mark.parametrize("strength", [0.4, torch.linspace(0, 1, 96).expand(1, 1, 72, 96)])
def test_strips_see_the_same(strength: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from styletransfer.methods.gatys.stylizer import GatysStylizer

    content, style = torch.rand(1, 3, 72, 96), torch.rand(1, 3, 64, 64)
    first = []
    for rows in (None, 16):
        monkeypatch.setattr(GatysStylizer, "_rows", lambda self, size, steps=1, rows=rows: rows)
        result = st.stylize(content, style, "gatys", device="cpu", steps=2, scales=(1.0,), strength=strength)
        first.append(result.history[1].losses)
    assert first[0]["content"] > 0
    assert first[0] == pytest.approx(first[1], rel=1e-3)
