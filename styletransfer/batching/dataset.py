"""Training on stylized pictures: a torch `Dataset` and a transform of torchvision v2, both safe in workers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch.utils.data import Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from styletransfer._checks import choice, integer, number
from styletransfer.batching.painting import Recipe
from styletransfer.batching.restyling import Restyler, drawn
from styletransfer.batching.sources import Given
from styletransfer.errors import OptionError
from styletransfer.methods import DEFAULT_METHOD, METHODS

__all__ = ["RandomStyle", "StylizedDataset"]


class StylizedDataset(Dataset[Any]):
    """A dataset whose pictures are repainted, each in a style that its number, the epoch and a seed decide.

    Items that are tuples are pictures with what belongs to them, e.g. a label, which stays. Pictures keep their
    type: PIL image, array, or tensor (3, H, W) of floats in [0, 1] or uint8.

    Args:
        pictures: Anything with numbered items and a length: a dataset of torchvision, a list of PIL images.
        styles: A folder, a pattern, a CSV file with the column style, names of styles, or a list of these.
        method: See `list_stylizers`.
        seed: Of the styles' choice.
        probability: Share of the pictures that are repainted; the others stay as they are.
        strength: How much of the style is wanted, in [0, 1].
        long_edge: Reduce styles to this longer side; strokes follow the style's size. Contents are not resized.
        cache: A folder that keeps results as PNG, so that the next epoch and the next training find them. Results
            then have 8 bits, whether they come from it or not.
        extractor: See `create_stylizer`.
        device: Where to work; without it the processor in workers, and the best there is elsewhere.
        **options: The method's options and the controls.

    Raises:
        StyleTransferError: Bad input; CUDA in a forked worker, when its first picture is asked for.

    Example:
        >>> from styletransfer import samples
        >>> pictures = [(samples.draw("valley", long_edge=48), 0), (samples.draw("harbour", long_edge=48), 1)]
        >>> dataset = StylizedDataset(pictures, ["mosaic", "night"], device="cpu")
        >>> picture, label = dataset[1]
        >>> len(dataset), picture.size, label
        (2, (48, 36), 1)
    """

    def __init__(
        self,
        pictures: Any,
        styles: Given | Sequence[Given],
        *,
        method: str = DEFAULT_METHOD,
        seed: int = 0,
        probability: float = 1.0,
        strength: float = 1.0,
        long_edge: int | None = None,
        cache: str | os.PathLike[str] | None = None,
        extractor: Any = None,
        device: Any = None,
        **options: Any,
    ) -> None:
        if not hasattr(pictures, "__getitem__") or not hasattr(pictures, "__len__"):
            raise OptionError(
                f"pictures must be a dataset or a list, with items by number and a length, got a "
                f"{type(pictures).__name__}."
            )
        self.pictures = pictures
        self.seed = integer(seed, "seed", low=0)
        self.probability = number(probability, "probability", low=0.0, high=1.0)
        self.epoch = 0
        recipe = _recipe(method, options, extractor, device, strength)
        self._restyler = Restyler(styles, recipe, long_edge, None if cache is None else Path(cache))

    def __len__(self) -> int:
        return len(self.pictures)

    def set_epoch(self, epoch: int) -> None:
        """Choose other styles: those of an epoch. Workers that live on do not hear of it."""
        self.epoch = integer(epoch, "epoch", low=0)

    def __getitem__(self, index: int) -> Any:
        item = self.pictures[index]
        chance, choice_ = drawn(self.seed, self.epoch, int(index) % len(self))
        if chance >= self.probability:
            return item
        style = choice_ % len(self._restyler.styles)
        if isinstance(item, tuple):
            return (self._restyler(item[0], style), *item[1:])
        return self._restyler(item, style)


class RandomStyle(v2.Transform):  # type: ignore[misc] # torchvision is not typed
    """A transform of torchvision v2 that repaints a picture in a style drawn at random.

    It stands where other transforms do, and draws from torch's random numbers as they do. Boxes, masks and labels
    pass through: the layout stays.

    Args:
        styles: A folder, a pattern, a CSV file with the column style, names of styles, or a list of these.
        method: See `list_stylizers`.
        probability: How often a picture is repainted.
        strength: How much of the style is wanted, in [0, 1].
        long_edge: Reduce styles to this longer side.
        extractor: See `create_stylizer`.
        device: As for `StylizedDataset`.
        **options: The method's options and the controls.

    Raises:
        StyleTransferError: Bad input.

    Example:
        >>> from styletransfer import samples
        >>> augment = RandomStyle(["mosaic", "night"], probability=0.5, device="cpu")
        >>> augment(samples.draw("valley", long_edge=48)).size
        (48, 36)
    """

    _transformed_types = (torch.Tensor, Image.Image, tv_tensors.Image)

    def __init__(
        self,
        styles: Given | Sequence[Given],
        *,
        method: str = DEFAULT_METHOD,
        probability: float = 0.5,
        strength: float = 1.0,
        long_edge: int | None = None,
        extractor: Any = None,
        device: Any = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self.probability = number(probability, "probability", low=0.0, high=1.0)
        self._restyler = Restyler(styles, _recipe(method, options, extractor, device, strength), long_edge, None)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw whether to repaint, and in which style."""
        if float(torch.rand(())) >= self.probability:
            return {"style": None}
        return {"style": int(torch.randint(len(self._restyler.styles), ()))}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Repaint a picture."""
        style = params["style"]
        if style is None or (isinstance(inpt, tv_tensors.TVTensor) and not isinstance(inpt, tv_tensors.Image)):
            return inpt
        if isinstance(inpt, tv_tensors.Image):
            return tv_tensors.wrap(self._restyler(inpt.as_subclass(torch.Tensor), style), like=inpt)
        return self._restyler(inpt, style)

    # The names that torchvision before 0.21 calls.
    _transform = transform

    def _get_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return self.make_params(flat_inputs)

    def extra_repr(self) -> str:
        """Say what is drawn from."""
        return f"styles={len(self._restyler.styles)}, probability={self.probability:g}"


def _recipe(method: str, options: dict[str, Any], extractor: Any, device: Any, strength: float) -> Recipe:
    declared = METHODS[choice(method, METHODS, "method")]
    return Recipe(
        method=method,
        options={**declared.bare, **options},
        extractor=extractor,
        device=device,
        strength=number(strength, "strength", low=0.0, high=1.0),
        batch_size=1,
    )
