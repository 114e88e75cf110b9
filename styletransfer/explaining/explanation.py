"""What a stylized picture has kept of its content and taken from its style, as an extractor sees it."""

from __future__ import annotations

import dataclasses
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer import codes, images
from styletransfer._checks import integer
from styletransfer.errors import ImageError
from styletransfer.explaining.figure import draw
from styletransfer.explaining.layers import LayerReport, MovedChannel
from styletransfer.features import as_extractor
from styletransfer.features.vgg import VGG19Features
from styletransfer.files import folder_files, new_folder, write_contents
from styletransfer.functional import EPSILON, channel_stats, gram_matrix
from styletransfer.images import ImageSource, Picture
from styletransfer.methods.gatys.inversion import invert
from styletransfer.weights.catalogue import DEFAULT_EXTRACTOR

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: What is looked at: the layers of Gatys' style loss.
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
#: Where changes of content and gains of style are mapped.
_CONTENT_LAYER, _STYLE_LAYERS = "relu4_1", ("relu2_1", "relu3_1", "relu4_1")
#: How many of the channels that moved most are listed.
_CHANNELS = 5
_FILES = ("explanation.png", "explanation.json")
#: Called with the number of inversions that are done, and of all.
OnInversion = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:
    """What a stylization did.

    Attributes:
        extractor: Who looked.
        content: (1, 3, H, W), as it was looked at.
        style: The same, of any size.
        stylized: (1, 3, H, W).
        layers: From shallow to deep.
        change: (H, W): mean squared change of `relu4_1` at each place, over the content's variance.
        gain: (H, W): how much nearer the features there came to the style's statistics, in squared standard
            deviations of the style's channels; negative where they went away.
        inversions: By layer, a picture (1, 3, H, W) with the content's features there: what the layer keeps.
    """

    extractor: str
    content: Picture
    style: Picture
    stylized: Picture
    layers: tuple[LayerReport, ...]
    change: Tensor
    gain: Tensor
    inversions: Mapping[str, Tensor]

    def to_dict(self) -> dict[str, Any]:
        """Return all figures, ready for JSON; of the maps, mean and extremes."""
        maps = {"content_change": self.change, "style_gain": self.gain}
        return {
            "extractor": self.extractor,
            "size": list(self.content.rgb.shape[2:]),
            "layers": [dataclasses.asdict(layer) for layer in self.layers],
            "maps": {
                name: {"mean": float(x.mean()), "least": float(x.min()), "most": float(x.max())}
                for name, x in maps.items()
            },
        }

    def figure(self) -> Figure:
        """Draw pictures and maps, inversions, Gram distances and the channels that moved most."""
        height, width = self.content.rgb.shape[2:]
        return draw(
            {"Content": self.content.rgb, "Style": self.style.rgb, "Stylized": self.stylized.rgb},
            self.layers,
            change=self.change,
            gain=self.gain,
            inversions=self.inversions,
            note=f"Seen by {self.extractor} at {width}x{height} pixels.",
        )

    def save(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write explanation.png (the figure) and explanation.json; both or none.

        Raises:
            OutputError: A folder that cannot be made or written to, or an input file in the way.
        """
        inputs = [x.path for x in (self.content, self.style, self.stylized) if x.path is not None]
        files = output_files(folder, protected=inputs)
        drawn = io.BytesIO()
        self.figure().savefig(drawn, format="png")
        contents = [drawn.getvalue(), (json.dumps(self.to_dict(), indent=2) + "\n").encode()]
        with new_folder(folder):
            return write_contents(dict(zip(files, contents, strict=True)))


def output_files(
    folder: str | os.PathLike[str], *, protected: Sequence[str | os.PathLike[str]] = ()
) -> list[Path]:
    """Return the files that `Explanation.save` will write; finds out before the work whether it can."""
    return folder_files(folder, _FILES, protected=protected)


def explain(
    stylized: ImageSource | Picture,
    content: ImageSource | Picture,
    style: ImageSource | Picture,
    *,
    extractor: str | VGG19Features | None = None,
    device: str | torch.device | None = None,
    long_edge: int = 256,
    inversion_steps: int = 60,
    on_inversion: OnInversion | None = None,
) -> Explanation:
    """Say what a stylization did, whoever made it.

    Args:
        stylized: The result: path, PIL image, array, tensor.
        content: What it was made of; brought to the result's size.
        style: Whose look it was given; also the name of a drawn style.
        extractor: Who looks; by default the embedded VGG-19.
        device: Where to work.
        long_edge: Reduce the pictures to this longer side first, pixels.
        inversion_steps: Of each inversion; 0 leaves the inversions out, which take nearly all of the time.
        on_inversion: Called after each inversion.

    Raises:
        StyleTransferError: Bad input.

    Example:
        >>> from styletransfer import samples
        >>> photo, painting = samples.draw("valley", long_edge=64), samples.draw("mosaic", long_edge=64)
        >>> told = explain(photo, photo, painting, device="cpu", inversion_steps=0)
        >>> told.layers[0].content_change, told.layers[0].gram_before == told.layers[0].gram_after
        (0.0, True)
    """
    integer(inversion_steps, "inversion_steps", low=0)
    network = as_extractor(DEFAULT_EXTRACTOR if extractor is None else extractor, device)
    result, before, look = (
        source if isinstance(source, Picture) else images.read_picture(source, what=what, long_edge=long_edge)
        for source, what in (
            (stylized, "stylized"),
            (content, "content"),
            (codes.as_picture_source(style, "explain"), "style"),
        )
    )
    counts = [picture.rgb.shape[0] for picture in (result, before, look)]
    if counts != [1, 1, 1]:
        raise ImageError(f"explain takes one picture each, got batches of {counts}; call it once for each.")
    size = (result.rgb.shape[2], result.rgb.shape[3])
    before = dataclasses.replace(before, rgb=images.resize(before.rgb, size))
    with torch.no_grad():
        seen = [network(picture.rgb.to(network.device), LAYERS) for picture in (before, result, look)]
        layers = tuple(_report(layer, *(features[layer] for features in seen)) for layer in LAYERS)
        was, now = (features[_CONTENT_LAYER] for features in seen[:2])
        change = _up((now - was).square(), was.var(), size)
        gains = [_gain([features[layer] for features in seen], size) for layer in _STYLE_LAYERS]
        gain = torch.stack(gains).mean(0)
    inversions = {}
    for number, layer in enumerate(LAYERS if inversion_steps else (), start=1):
        inversions[layer] = invert(network, before.rgb.to(network.device), layer, inversion_steps).cpu()
        if on_inversion is not None:
            on_inversion(number, len(LAYERS))
    return Explanation(
        extractor=network.name,
        content=before,
        style=look,
        stylized=result,
        layers=layers,
        change=change.cpu(),
        gain=gain.cpu(),
        inversions=inversions,
    )


def _report(layer: str, content: Tensor, stylized: Tensor, style: Tensor) -> LayerReport:
    wanted = gram_matrix(style)
    before, after = ((gram_matrix(x) - wanted).square().sum() / wanted.square().sum() for x in (content, stylized))
    (mean, spread), (mean_after, spread_after), (mean_style, _) = map(channel_stats, (content, stylized, style))
    # A channel that the content hardly uses has next to no deviation of its own.
    shift = ((mean_after - mean) / ((spread.square() + spread_after.square()) / 2).sqrt()).flatten()
    most = shift.abs().topk(min(_CHANNELS, len(shift))).indices.tolist()
    means = [x.flatten().tolist() for x in (mean, mean_after, mean_style)]
    return LayerReport(
        layer=layer,
        gram_before=float(before),
        gram_after=float(after),
        content_change=float((stylized - content).square().mean() / content.var().clamp_min(EPSILON)),
        moved=tuple(
            MovedChannel(
                channel=n, content=means[0][n], stylized=means[1][n], style=means[2][n], shift=float(shift[n])
            )
            for n in most
        ),
    )


def _gain(features: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """Return how much nearer the result's features, the second ones, are to the style's than the content's."""
    content, stylized, style = features
    mean, deviation = channel_stats(style)
    before, after = (((x - mean) / deviation.clamp_min(_faint(deviation))).square() for x in (content, stylized))
    return _up(before - after, torch.ones(()), size)


def _faint(deviation: Tensor) -> float:
    """Return a tenth of the channels' usual deviation: one that the style hardly uses would drown the others."""
    return 0.1 * float(deviation.mean())


def _up(values: Tensor, scale: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the mean over channels, over `scale`, as (H, W)."""
    mean = values.mean(1, keepdim=True) / scale.clamp_min(EPSILON).to(values.device)
    return F.interpolate(mean, size, mode="bilinear", align_corners=False)[0, 0]
