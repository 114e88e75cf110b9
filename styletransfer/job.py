"""The one front door: `st.stylize`, `st.compare` and the command line all prepare their work here.

Pictures are read at the working size, options and parts are checked, and the extractor is built once, before any
method starts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from styletransfer import codes, images, samples
from styletransfer._checks import choice
from styletransfer.errors import OptionError
from styletransfer.features import as_extractor, own_file
from styletransfer.features.vgg import VGG19Features
from styletransfer.images import ImageSource, Picture
from styletransfer.methods import DEFAULT_METHOD, METHODS, build
from styletransfer.progress import shown
from styletransfer.stylizer import EncodedStyle, Masks, OnStep, Strength, Stylization, Stylizer
from styletransfer.weights import catalogue, store

#: Called with the name of a weight set that is not on the disk yet, to fetch it visibly.
Fetch = Callable[[str], object]


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """Work that is ready to start.

    Attributes:
        content: At the working size.
        styles: At the working size, or encoded.
        stylizers: By the method's name, in the order asked for; those on the same extractor share it.
    """

    content: Picture
    styles: list[Picture | EncodedStyle]
    stylizers: Mapping[str, Stylizer]

    @property
    def device(self) -> torch.device:
        """Where all of them work."""
        return next(iter(self.stylizers.values())).extractor.device

    def run(self, method: str, *, on_step: OnStep | None = None, **request: Any) -> Stylization:
        """Run one of the methods; `Stylizer.stylize` explains what else may be requested."""
        return self.stylizers[method].stylize(self.content, self.styles, on_step=on_step, **request)


def prepare(
    content: ImageSource | Picture,
    style: Any,
    methods: Sequence[str],
    *,
    extractor: str | VGG19Features | None = None,
    device: str | torch.device | None = None,
    long_edge: int | None = None,
    short_edge: int | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    fetch: Fetch | None = None,
) -> Job:
    """Read pictures, check options and build the stylizers.

    Args:
        content: Path, PIL image, array, tensor or `Picture`; or the name of a drawn picture.
        style: The same, an `EncodedStyle`, the name of a drawn style, or a list of several.
        methods: Names of methods.
        extractor: Name of a weight set, or an extractor; each method's own default if absent.
        device: Where to work.
        long_edge: Reduce pictures to this longer side, pixels; never enlarges.
        short_edge: Reduce pictures to this shorter side instead.
        options: ``{method: {option: value}}``.
        fetch: Called for each weight set that has to be downloaded first; by default it is downloaded silently.

    Raises:
        StyleTransferError: Bad input; the message says what, what is wanted, and the way out.
    """
    for name in methods:  # before any picture is read
        METHODS[choice(name, METHODS, "method")].configure((options or {}).get(name, {}))
    listed = list(style) if isinstance(style, (list, tuple)) else [style]
    if not listed:
        raise OptionError("At least one style picture is needed, got an empty list.")
    edges: dict[str, Any] = {"long_edge": long_edge, "short_edge": short_edge}
    picture = content
    if not isinstance(picture, Picture):
        picture = images.read_picture(samples.find(content) or picture, what="content", **edges)
    styles = [read_style(item, **edges) for item in listed]
    stylizers = build_stylizers(methods, extractor=extractor, device=device, options=options, fetch=fetch)
    return Job(content=picture, styles=styles, stylizers=stylizers)


def build_stylizers(
    methods: Sequence[str],
    *,
    extractor: str | VGG19Features | None = None,
    device: str | torch.device | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    fetch: Fetch | None = None,
) -> dict[str, Stylizer]:
    """Build the stylizers of several methods, which share an extractor where they can; see `prepare`."""
    declared = {name: METHODS[choice(name, METHODS, "method")] for name in methods}
    chosen = {name: (options or {}).get(name, {}) for name in methods}
    configured = {name: method.configure(chosen[name]) for name, method in declared.items()}
    sources = {name: method.extractor if extractor is None else extractor for name, method in declared.items()}
    if fetch is not None:
        _fetch_missing({name: own for name, own in sources.items() if isinstance(own, str)}, chosen, fetch)
    networks = {source: as_extractor(source, device) for source in dict.fromkeys(sources.values())}
    return {name: build(declared[name], networks[sources[name]], *own) for name, own in configured.items()}


def read_style(style: Any, **reading: Any) -> Picture | EncodedStyle:
    """Return a style as a picture, or encoded; a name is looked up, a picture is read.

    Raises:
        StyleTransferError: One that cannot be read.
    """
    found = style if isinstance(style, (Picture, EncodedStyle)) else codes.find(style)
    if isinstance(found, (Picture, EncodedStyle)):
        return found
    if found is None and isinstance(style, str):
        codes.check_known(style)
    return images.read_picture(found or style, what="style", **reading)


def _fetch_missing(extractors: Mapping[str, str], options: Mapping[str, Mapping[str, Any]], fetch: Fetch) -> None:
    """Fetch what the methods will want and what is not on the disk."""
    wanted: set[str] = set()
    for name, extractor in extractors.items():
        if own_file(extractor) is not None:
            continue  # the user's own file, which has no decoder but the user's own
        parts = METHODS[name].weight_sets(catalogue.find(extractor, kind="extractor").name, options[name])
        # A part for another extractor is left to the run, which refuses it.
        wanted |= {extractor, *(part for part in parts if _fits(part, extractor))}
    for status in store.list_weights():
        if status.name in wanted and status.state == "absent":
            fetch(status.name)


def _fits(part: str, extractor: str) -> bool:
    file = catalogue.CATALOGUE.get(part)
    return file is not None and file.encoder in (None, extractor)


def stylize(
    content: ImageSource | Picture,
    style: Any,
    method: str = DEFAULT_METHOD,
    *,
    extractor: str | VGG19Features | None = None,
    device: str | torch.device | None = None,
    long_edge: int | None = None,
    short_edge: int | None = None,
    strength: Strength = 1.0,
    masks: Masks | None = None,
    style_masks: Masks | None = None,
    preserve: Masks | None = None,
    on_step: OnStep | None = None,
    progress: bool = False,
    **options: Any,
) -> Stylization:
    """Repaint `content` in the manner of `style`: the package in one call.

    Args:
        content: Path, PIL image, array (H, W), (H, W, 3) or (H, W, 4), or tensor (B, 3, H, W) in [0, 1]; or the
            name of a drawn picture (`samples.list_contents`).
        style: The same, the name of a drawn style (`samples.list_styles`) or of one in the library, a file of
            encoded styles (`codes`), or a list of several to be mixed.
        method: See `list_stylizers`; the default takes a fraction of a second.
        extractor: See `create_stylizer`.
        device: See `create_stylizer`.
        long_edge: Reduce both pictures to this longer side, pixels; never enlarges.
        short_edge: Reduce both to this shorter side instead.
        strength: How much of the style is wanted, in [0, 1]: a number, one for each content of a batch, or a grey
            picture, white where the style is wanted in full.
        masks: One grey picture for each style, white where it belongs; what none covers keeps the content.
        style_masks: One grey picture for each style, white over the part of its picture that is looked at.
        preserve: A grey picture, or several, white where the content is kept.
        on_step: Called with a `Step` after each step.
        progress: Show a progress bar: text in a terminal, a widget in a notebook.
        **options: The method's options and the `Controls` (``preserve_color``, ``style_scale``, ...) by name.

    Returns:
        A `Stylization`; ``.image`` has the content's (working) height and width.

    Raises:
        StyleTransferError: Bad input; the message says what, what is wanted, and the way out.

    Example:
        >>> from styletransfer import samples
        >>> content, style = samples.draw("valley", long_edge=64), samples.draw("mosaic", long_edge=64)
        >>> stylize(content, style, alpha=0.5).image.shape[1]
        3
    """
    job = prepare(
        content,
        style,
        [method],
        extractor=extractor,
        device=device,
        long_edge=long_edge,
        short_edge=short_edge,
        options={method: options},
    )
    with shown(job.stylizers, job.content, enabled=progress) as bar:
        watch = _both(on_step, bar.of(method) if bar else None)
        return job.run(
            method, strength=strength, masks=masks, style_masks=style_masks, preserve=preserve, on_step=watch
        )


def _both(first: OnStep | None, second: OnStep | None) -> OnStep | None:
    """Call two callbacks, of which either may be absent."""
    if first is None or second is None:
        return first or second
    one, other = first, second

    def call(step: Any) -> None:
        other(step)
        one(step)

    return call
