"""Strips against the whole picture: the same sums, terms and gradients, whatever the sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from styletransfer.features.vgg import VGG19Features
from styletransfer.methods.gatys import objective as objective_module
from styletransfer.methods.gatys.config import PRESETS, GatysConfig
from styletransfer.methods.gatys.objective import Objective
from styletransfer.methods.gatys.strips import alignment, divide, halo
from styletransfer.stylizer import Region, StyleInput

Draw = Callable[..., Tensor]


def network(**settings: Any) -> VGG19Features:
    made = VGG19Features("small", widths=(4, 5, 6, 7, 8), last="conv5_1", **settings)
    generator = torch.Generator().manual_seed(0)
    for conv in made.convs.values():
        weight = conv.get_parameter("weight")
        weight.copy_(torch.randn(weight.shape, generator=generator) * (2 / weight[0].numel()) ** 0.5)
        nn.init.constant_(conv.get_parameter("bias"), 0.05)
    return made


def drawn(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def measured(
    objective: Objective, image: Tensor, variable: Tensor | None = None
) -> tuple[Mapping[str, Tensor], Tensor]:
    """Terms and the gradient of their sum."""
    x = image.clone().requires_grad_()
    terms = objective(x, variable)
    (gradient,) = torch.autograd.grad(torch.stack(list(terms.values())).sum(), x)
    return terms, gradient


def assert_same(whole: Objective, cut: Objective, image: Tensor) -> None:
    wanted, wanted_gradient = measured(whole, image)
    terms, gradient = measured(cut, image)
    assert list(terms) == list(wanted)
    for name, term in wanted.items():
        torch.testing.assert_close(terms[name], term, rtol=1e-4, atol=1e-7, msg=lambda m, n=name: f"{n}: {m}")
    assert (gradient - wanted_gradient).norm() < 1e-4 * wanted_gradient.norm()
    with torch.no_grad():
        for name, term in cut(image).items():
            torch.testing.assert_close(term, terms[name].detach(), rtol=1e-5, atol=1e-8)


@settings(max_examples=16)
@given(
    size=st.tuples(st.integers(16, 220), st.integers(16, 24)),
    rows=st.integers(1, 140),
    pooling=st.sampled_from(["max", "avg"]),
    padding=st.sampled_from(["reflect", "zeros"]),
    ceil_mode=st.booleans(),
    preset=st.sampled_from(list(PRESETS)),
    masked=st.booleans(),
)
def test_strips_give_what_the_whole_picture_gives(
    size: tuple[int, int], rows: int, pooling: str, padding: str, ceil_mode: bool, preset: str, masked: bool
) -> None:
    extractor = network(pooling=pooling, padding=padding, ceil_mode=ceil_mode)
    content, image, styles = drawn(*size, 1), drawn(*size, 2), [drawn(75, 33, 3), drawn(40, 21, 4)]
    mask = torch.linspace(0, 1, size[0]).view(1, 1, -1, 1).expand(1, 1, *size)
    regions = [
        Region(styles=(StyleInput(source=style),), mask=share if masked else None)
        for style, share in zip(styles, (mask, 1 - mask), strict=True)
    ]
    whole, cut = (
        Objective(extractor, GatysConfig(preset=preset), content, regions, rows=chosen) for chosen in (None, rows)
    )
    assert cut.scale == pytest.approx(whole.scale, rel=1e-4)
    assert_same(whole, cut, image)


@given(
    height=st.integers(16, 500),
    rows=st.integers(1, 300),
    layers=st.lists(st.sampled_from(["conv1_1", "relu2_2", "relu3_1", "relu4_4", "relu5_1"]), min_size=1),
)
def test_strips_cover_every_row_once_and_see_beyond_themselves(height: int, rows: int, layers: list[str]) -> None:
    step, around = alignment(layers), halo(layers)
    strips = divide(height, layers, rows)
    assert [row for strip in strips for row in range(strip.top, strip.bottom)] == list(range(height))
    for strip in strips:
        assert strip.above % step == strip.top % step == 0
        assert strip.above == max(0, strip.top - around)
        assert strip.below == height or (strip.below % step == 0 and strip.below >= strip.bottom + around)


def test_the_halo_is_what_the_deepest_layer_sees() -> None:
    assert [halo([layer]) for layer in ("relu1_1", "relu3_1", "relu4_1", "relu5_1")] == [4, 12, 32, 80]
    assert halo(["relu5_1", "relu1_1"]) == 80


def test_total_variation_can_be_that_of_another_variable() -> None:
    extractor, picture, variable = network(), drawn(100, 20, 1), drawn(100, 20, 5)
    config, region = GatysConfig(), [Region(styles=(StyleInput(source=drawn(20, 20, 3)),))]
    whole, cut = (Objective(extractor, config, picture, region, rows=rows) for rows in (None, 16))
    x, y = (variable.clone().requires_grad_() for _ in range(2))
    for objective, leaf in ((whole, x), (cut, y)):
        torch.stack(list(objective(picture, leaf).values())).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(y.grad, x.grad)


class Short:
    """Lets a network run out of memory with pictures of more rows than `most`."""

    dtype = torch.float32

    def __init__(self, extractor: VGG19Features, most: int) -> None:
        self.extractor, self.most = extractor, most

    def __call__(self, images: Tensor, layers: Any) -> dict[str, Tensor]:
        if images.shape[2] > self.most:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes.")
        return self.extractor(images, layers)

    def feature_size(self, tap: str, size: tuple[int, int]) -> tuple[int, int]:
        return self.extractor.feature_size(tap, size)


class TestWhenMemoryRunsOut:
    def objective(self, **options: Any) -> Objective:
        region = [Region(styles=(StyleInput(source=drawn(20, 20, 3)),))]
        return Objective(network(), GatysConfig(**options), drawn(400, 16, 1), region)

    def test_goes_on_in_thinner_strips(self) -> None:
        whole, cut = self.objective(), self.objective()
        cut.network = Short(cut.network, 250)  # type: ignore[assignment]
        assert_same(whole, cut, drawn(400, 16, 2))
        assert cut.rows == 48  # 400, 192 and 96 rows, with halos of 80 on both sides, were too many

    def test_goes_on_if_only_the_gradient_is_too_much(self, monkeypatch: pytest.MonkeyPatch) -> None:
        whole, cut, calls = self.objective(), self.objective(), []
        real = objective_module._Graph.gradients

        def gradients(self: Any, of_sums: Any) -> Any:
            calls.append(self)
            if len(calls) == 1:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return real(self, of_sums)

        wanted = measured(whole, drawn(400, 16, 2))[1]
        monkeypatch.setattr(objective_module._Graph, "gradients", gradients)
        got = measured(cut, drawn(400, 16, 2))[1]
        assert (got - wanted).norm() < 1e-4 * wanted.norm()
        assert cut.rows == 192
        assert len(calls) == 1 + 3

    def test_gives_up_at_the_thinnest(self) -> None:
        objective = self.objective()
        objective.network = Short(objective.network, 10)  # type: ignore[assignment]
        with pytest.raises(RuntimeError, match="can't allocate memory"):
            objective(drawn(400, 16, 2))
        assert objective.rows == 16

    def test_other_errors_pass(self) -> None:
        objective = self.objective()

        def broken(*_: Any) -> Any:
            raise RuntimeError("not ours")

        objective.network = broken  # type: ignore[assignment]
        with pytest.raises(RuntimeError, match="not ours"):
            objective(drawn(400, 16, 2))
        assert objective.rows is None

    def test_targets_are_set_in_strips_too(self) -> None:
        extractor, region = Short(network(), 250), [Region(styles=(StyleInput(source=drawn(300, 20, 3)),))]
        cut = Objective(extractor, GatysConfig(), drawn(400, 16, 1), region)  # type: ignore[arg-type]
        whole = Objective(network(), GatysConfig(), drawn(400, 16, 1), region)
        assert cut.scale == pytest.approx(whole.scale, rel=1e-5)
        assert cut.rows is not None
