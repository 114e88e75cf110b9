"""Masks in what Gatys minimises: how far they reach, and what they count."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer.features.vgg import VGG19Features
from styletransfer.functional import gram_matrix
from styletransfer.layers import BY_TAP
from styletransfer.methods.gatys.config import GatysConfig
from styletransfer.methods.gatys.objective import Objective
from styletransfer.stylizer import Region, StyleInput


def drawn(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def left(height: int, width: int, columns: int) -> Tensor:
    mask = torch.zeros(1, 1, height, width)
    mask[..., :columns] = 1
    return mask


@pytest.mark.parametrize("layer", ["relu1_1", "relu2_1", "relu3_1", "relu4_1"])
@pytest.mark.parametrize("rows", [None, 32])
def test_a_style_pulls_no_pixel_beyond_the_receptive_field(
    extractor: VGG19Features, layer: str, rows: int | None
) -> None:
    """A position of features looks half a receptive field to each side, and a mask is smoothed over a stride."""
    config = GatysConfig(style_layers=(layer,), color_weight=0.0, tv_weight=0.0, content_weight=0.0)
    image, columns = drawn(32, 256).requires_grad_(), 64
    region = Region(styles=(StyleInput(source=drawn(32, 32, 1)),), mask=left(32, 256, columns))
    objective = Objective(extractor, config, drawn(32, 256), [region], rows=rows)
    (gradient,) = torch.autograd.grad(torch.stack(list(objective(image).values())).sum(), image)
    known = BY_TAP[layer]
    reach = columns + known.receptive_field // 2 + 2 * known.stride
    assert torch.equal(gradient[..., reach:], torch.zeros_like(gradient[..., reach:]))
    assert gradient[..., :columns].abs().max() > 0


@pytest.mark.parametrize("rows", [None, 16])
def test_style_masks_weigh_the_targets(extractor: VGG19Features, rows: int | None) -> None:
    """Guided Gram matrices (Gatys et al. 2017, section 4) on the style's side."""
    style, mask = drawn(48, 40, 1), torch.rand(1, 1, 48, 40)
    config = GatysConfig(center_grams=False)
    region = Region(styles=(StyleInput(source=style, looked_at=mask),))
    (target,) = Objective(extractor, config, drawn(32, 32), [region], rows=rows).targets
    for layer, gram in target.grams.items():
        features = extractor(style, [layer])[layer]
        weights = F.interpolate(mask, features.shape[2:], mode="bilinear", antialias=True, align_corners=False)
        torch.testing.assert_close(gram, gram_matrix(features, weights), rtol=1e-4, atol=1e-6)


def test_palettes_count_what_style_masks_show(extractor: VGG19Features) -> None:
    style = drawn(32, 32, 1)
    style[..., 16:] *= 0.1
    config = GatysConfig()
    masked, cropped = (
        Objective(extractor, config, drawn(32, 32), [Region(styles=(own,))]).targets[0].palettes
        for own in (
            StyleInput(source=style, looked_at=left(32, 32, 16)),
            StyleInput(source=style[..., :16].contiguous()),
        )
    )
    assert masked is not None
    assert cropped is not None
    for (mean, whitening), (wanted_mean, wanted) in zip(masked._targets, cropped._targets, strict=True):
        torch.testing.assert_close(mean, wanted_mean, rtol=0, atol=1e-5)
        torch.testing.assert_close(whitening, wanted, rtol=1e-3, atol=1e-3)
