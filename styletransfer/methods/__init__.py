"""The registry of methods. What is listed in `METHODS` is tested, benchmarked, documented and offered.

A method is a folder here, and one entry in `METHODS`. Declarations load without torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from styletransfer._checks import choice, did_you_mean
from styletransfer.errors import OptionError
from styletransfer.method import Method
from styletransfer.methods.feedforward.config import ADAIN
from styletransfer.methods.gatys.config import GATYS

if TYPE_CHECKING:
    import torch

    from styletransfer.config import Config
    from styletransfer.controls import Controls
    from styletransfer.features.vgg import VGG19Features
    from styletransfer.stylizer import Stylizer

__all__ = ["DEFAULT_METHOD", "METHODS", "create_stylizer", "distribute_options", "list_stylizers"]

METHODS: dict[str, Method] = {method.name: method for method in (GATYS, ADAIN)}
#: The method that is used if none is named: the fast one.
DEFAULT_METHOD = ADAIN.name


def list_stylizers() -> list[str]:
    """Return the names of all methods.

    Example:
        >>> list_stylizers()
        ['gatys', 'adain']
    """
    return list(METHODS)


def distribute_options(
    methods: Sequence[str], options: Mapping[str, Any], *, spell: Callable[[str], str] = repr
) -> dict[str, dict[str, Any]]:
    """Give each option to every one of `methods` that has it; return ``{method: {option: value}}``.

    Args:
        methods: Names of methods.
        options: Options without their owner.
        spell: How an option's name is written in messages, e.g. as a flag.

    Raises:
        OptionError: Unknown method, or an option that none of `methods` has.

    Example:
        >>> distribute_options(["gatys", "adain"], {"alpha": 0.5})
        {'gatys': {}, 'adain': {'alpha': 0.5}}
    """
    owned = {method: METHODS[choice(method, METHODS, "method")].option_names for method in methods}
    for name in options:
        if any(name in names for names in owned.values()):
            continue
        others = [method for method, declared in METHODS.items() if name in declared.option_names]
        if others:
            raise OptionError(
                f"{spell(name)} is an option of {', '.join(others)}, not of {', '.join(methods)}. "
                f"Leave it out or choose {others[0]}."
            )
        known = list(dict.fromkeys(option for names in owned.values() for option in names))
        raise OptionError(
            f"{', '.join(methods)}: no option {spell(name)}.{did_you_mean(name, known)} "
            f"There are: {', '.join(known)}."
        )
    return {method: {k: v for k, v in options.items() if k in names} for method, names in owned.items()}


def create_stylizer(
    method: str,
    *,
    extractor: str | VGG19Features | None = None,
    device: str | torch.device | None = None,
    **options: Any,
) -> Stylizer:
    """Build a stylizer that can be used for many pictures.

    Args:
        method: See `list_stylizers`.
        extractor: Name of a weight set, or an extractor from `create_extractor`; the method's own default if
            absent. Sharing one between methods saves memory.
        device: Where to work, e.g. ``"cpu"`` or ``"cuda"``; the best one there is if None. An extractor
            is moved only if a device is named.
        **options: The method's options, parts and controls by name; ``styletransfer info METHOD`` lists them.

    Raises:
        OptionError: Unknown method, weight set, option or device, or a value outside its range.
        WeightsError: Weights that cannot be fetched or read, a decoder of another encoder.

    Example:
        >>> create_stylizer("adain", alpha=0.5).config.alpha
        0.5
    """
    from styletransfer.features import as_extractor

    declared = METHODS[choice(method, METHODS, "method")]
    chosen = declared.configure(options)
    network = as_extractor(declared.extractor if extractor is None else extractor, device)
    return build(declared, network, *chosen)


def build(
    method: Method, extractor: VGG19Features, config: Config, parts: Mapping[str, Any], controls: Controls
) -> Stylizer:
    """Build a stylizer from what `Method.configure` returns."""
    stylizer: Stylizer = method.stylizer()(extractor, config, **parts)
    stylizer.controls = controls
    return stylizer
