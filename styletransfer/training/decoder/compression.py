"""A finished decoder made cheap: what `FAST` begins with."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn

from styletransfer.errors import OptionError
from styletransfer.functional import EPSILON
from styletransfer.methods.feedforward.adain import align_and_decode
from styletransfer.methods.feedforward.decoder_files import (
    FAST,
    LITE,
    BaseDecoder,
    Decoder,
    SubpixelDecoder,
)
from styletransfer.methods.feedforward.statistics import Statistics
from styletransfer.methods.feedforward.subpixel import LowRankConvolution

#: Added to a convolution's inputs' second moments, as a share of their mean.
_RIDGE = 1e-4


@torch.no_grad()
def compressed(
    decoder: BaseDecoder,
    samples: Iterable[tuple[Mapping[str, Tensor], Statistics]],
    *,
    passes: int | None = None,
    seed: int = 0,
) -> SubpixelDecoder:
    """Return a decoder of `FAST`'s shape that works like `decoder` up to half the picture's resolution.

    Each 3x3 convolution keeps the directions that matter most for what it makes of its inputs in `samples`: a
    Tucker decomposition (Tucker 1966; for convolutions Kim et al., ICLR 2016) of its weights times the root of the
    inputs' second moments. The finest resolution is drawn by other convolutions, which have to learn it.

    Args:
        decoder: One of `LITE`'s shape.
        samples: Features of contents, ``{tap: (B, C, h, w)}``, and the statistics that they are aligned with.
        passes: Those of the new one; by default `FAST`'s.
        seed: Of what has to be learnt.

    Raises:
        OptionError: A decoder of another shape.
    """
    shape = ("stages", "blocks", "taps", "channels", "modulation", "slope", "padding", "upsampling")
    if not isinstance(decoder, Decoder) or any(
        getattr(decoder.spec, name) != getattr(LITE, name) for name in shape
    ):
        raise OptionError(
            f"Only a decoder of the shape of {LITE.name!r} can be made a fast one; {decoder.spec.name!r} is not. "
            "Start from another, or from none."
        )
    with _second_moments(decoder) as moments:
        for features, statistics in samples:
            align_and_decode(decoder, features, statistics)
    spec = dataclasses.replace(
        FAST,
        name=f"{decoder.spec.encoder}-decoder",
        encoder=decoder.spec.encoder,
        encoder_sha256=decoder.spec.encoder_sha256,
        alignment=decoder.spec.alignment,
        passes=passes or FAST.passes,
    )
    torch.manual_seed(seed)
    small = SubpixelDecoder(spec).to(next(decoder.parameters()).device)
    convolutions = dict(decoder.named_modules())
    for name, module in small.named_modules():
        original = convolutions.get(name)
        if isinstance(module, LowRankConvolution) and isinstance(original, nn.Conv2d):
            _take(module, original, moments[name])
    for tap, skip in decoder.skips.items():
        if tap != spec.taps[0]:
            small.enter[tap].load_state_dict(skip.state_dict())
    _take_modulation(small, decoder)
    return small


@contextlib.contextmanager
def _second_moments(decoder: Decoder) -> Iterator[dict[str, Tensor]]:
    """Sum what each 3x3 convolution gets, (C, C) in float64 on the CPU (MPS has none), over all positions."""
    moments: dict[str, Tensor] = {}

    def watch(name: str, convolution: nn.Conv2d) -> torch.utils.hooks.RemovableHandle:
        def add(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            rows = inputs[0].permute(0, 2, 3, 1).flatten(0, 2)
            moments[name] = moments.get(name, 0) + (rows.t() @ rows).cpu().double()

        return convolution.register_forward_pre_hook(add)

    hooks = [
        watch(n, m) for n, m in decoder.named_modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)
    ]
    try:
        yield moments
    finally:
        for hook in hooks:
            hook.remove()


def _take(small: LowRankConvolution, original: nn.Conv2d, moments: Tensor) -> None:
    """Give a convolution of low rank what matters most of a full one."""
    rank = small.core.weight.shape[0]
    ridge = _RIDGE * moments.diagonal().mean() + EPSILON
    values, vectors = torch.linalg.eigh(moments + ridge * torch.eye(len(moments)).to(moments))
    roots = values.clamp_min(EPSILON).sqrt()
    root, back = (vectors * roots) @ vectors.mT, (vectors / roots) @ vectors.mT
    weight = torch.einsum("oiyx,ij->ojyx", original.weight.cpu().double(), root)
    into = torch.linalg.svd(weight.transpose(0, 1).flatten(1), full_matrices=False).U[:, :rank]
    out = torch.linalg.svd(weight.flatten(1), full_matrices=False).U[:, :rank]
    reduce = into.mT @ back
    size = reduce.norm(dim=1)  # of one length each: gradients of both factors are of one size then
    core = torch.einsum("oiyx,ir,os->sryx", weight, into * size, out)
    small.reduce.weight.copy_((reduce / size[:, None])[:, :, None, None])
    small.core.weight.copy_(core)
    small.expand.weight.copy_(out[:, :, None, None])
    if small.expand.bias is not None and original.bias is not None:
        small.expand.bias.copy_(original.bias)


def _take_modulation(small: SubpixelDecoder, decoder: Decoder) -> None:
    """Give it the modulation of the convolutions that it has; the finest takes that of the first left out."""
    if small.modulation is not None and decoder.modulation is not None:
        small.modulation.hidden.load_state_dict(decoder.modulation.hidden.state_dict())
        rows = 2 * sum(small.modulation.widths)
        small.modulation.out.weight.copy_(decoder.modulation.out.weight[:rows])
        small.modulation.out.bias.copy_(decoder.modulation.out.bias[:rows])
