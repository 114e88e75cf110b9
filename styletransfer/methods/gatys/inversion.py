"""What a layer keeps of a picture: another picture that has the same features there."""

from __future__ import annotations

from torch import Tensor

from styletransfer.features.vgg import VGG19Features
from styletransfer.methods.gatys.config import GatysConfig
from styletransfer.methods.gatys.stylizer import GatysStylizer

#: Total variation that keeps what the layer does not see from becoming noise (Mahendran and Vedaldi 2015).
_SMOOTH = 2.0


def invert(extractor: VGG19Features, content: Tensor, layer: str, steps: int = 60) -> Tensor:
    """Return a picture whose features at a layer are those of `content`, from noise.

    Mahendran and Vedaldi (2015), "Understanding Deep Image Representations by Inverting Them"; figure 1 of Gatys
    et al. (2016). The descent is that of the content loss alone.

    Args:
        extractor: Feature extractor.
        content: (1, 3, H, W) RGB in [0, 1].
        layer: E.g. ``"relu4_1"``.
        steps: Of the descent.

    Returns:
        (1, 3, H, W).

    Example:
        >>> import torch
        >>> from styletransfer.features import create_extractor
        >>> invert(create_extractor(device="cpu"), torch.rand(1, 3, 32, 32), "relu2_1", steps=2).shape
        torch.Size([1, 3, 32, 32])
    """
    config = GatysConfig(
        content_layers=(layer,),
        style_layers=(layer,),
        content_weight=1.0,
        style_weight=0.0,
        color_weight=0.0,
        tv_weight=_SMOOTH,
        init="noise",
        scales=(1.0,),
        steps=steps,
    )
    return GatysStylizer(extractor, config).stylize(content, content).image
