"""The page: two pictures, methods, their options as widgets, and what comes of it. Needs Gradio."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from styletransfer import samples
from styletransfer.app import views
from styletransfer.app.limits import SMALLEST_EDGE, Limits
from styletransfer.app.settings import as_held, control_fields, form_fields, preset_values, quick_first, read_form
from styletransfer.app.visitors import View, Visitors
from styletransfer.app.widgets import picture_upload, refilled, uploaded, widget
from styletransfer.errors import StyleTransferError
from styletransfer.fields import Field
from styletransfer.methods import DEFAULT_METHOD, METHODS

#: Size of a first picture: seconds on a laptop.
_FIRST_EDGE = 256
#: The control that acts on masks, and so stands below the picture of one.
_FADING = "feather"
#: Seconds between two drawings of the curves, which take a tenth of a second each.
_CURVE_EVERY = 2.0
_HEAD = """# styletransfer
Two families of neural style transfer side by side: **image optimisation** changes the pixels step by step until
their statistics are those of the style; **feed-forward** methods repaint any picture in one pass. Pictures stay on
the machine that serves this page, and are removed when you close it."""


class _Form:
    """The widgets of one page, and how they are read."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.content: gr.Image
        self.style: gr.Image
        self.preserve: gr.Image
        self.methods: gr.CheckboxGroup
        self.edge: gr.Slider
        self.strength: gr.Slider
        self.controls: dict[str, Any] = {}
        self.options: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, gr.Accordion] = {}

    @property
    def inputs(self) -> list[Any]:
        """All widgets, in the order in which `read` takes their values."""
        own = [self.content, self.style, self.preserve, self.methods, self.edge, self.strength]
        return [*own, *self.controls.values(), *(w for group in self.options.values() for w in group.values())]

    def read(self, values: Sequence[Any]) -> dict[str, Any]:
        """Return what `Visitors.paint` is asked.

        Raises:
            OptionError: A value outside its range.
        """
        content, style, preserve, methods, edge, strength, *rest = values
        waiting = iter(rest)
        controls = {name: next(waiting) for name in self.controls}
        options = {method: {name: next(waiting) for name in group} for method, group in self.options.items()}
        settings = read_form(
            self.limits,
            methods=methods or [],
            long_edge=edge,
            strength=strength,
            controls=controls,
            options=options,
        )
        pictures = {"content": content, "style": style, "preserve": preserve}
        return {"settings": settings, **{what: uploaded(payload) for what, payload in pictures.items()}}


def create_page(visitors: Visitors) -> gr.Blocks:
    """Return the page.

    Args:
        visitors: Who is painted for, and within which limits.
    """
    limits = visitors.limits
    form = _Form(limits)
    kept = limits.kept_minutes * 60
    page = gr.Blocks(title="styletransfer", analytics_enabled=False, delete_cache=(min(kept, 600), kept))
    with page:
        gr.Markdown(_HEAD)
        with gr.Row():
            with gr.Column(scale=2, min_width=340):
                _inputs(form, visitors)
            with gr.Column(scale=3, min_width=360):
                _outputs(form, visitors)
        _reactions(form)
        page.unload(_leaving(visitors))
    return page


def _inputs(form: _Form, visitors: Visitors) -> None:
    """Lay out everything that is asked."""
    with gr.Row():
        form.content = _picture("Content", samples.list_contents()[0], visitors)
        form.style = _picture("Style", samples.list_styles()[0], visitors)
    with gr.Row():
        _choose_from(samples.list_contents(), form.content, "Drawn contents", columns=1)
        _choose_from(samples.list_styles(), form.style, "Drawn styles", columns=3)
    choices = [(METHODS[name].title, name) for name in quick_first()]
    iterative = [name for name, method in METHODS.items() if method.iterative]
    form.methods = gr.CheckboxGroup(choices, value=[DEFAULT_METHOD, *iterative[:1]], label="Methods, side by side")
    form.edge = gr.Slider(
        SMALLEST_EDGE,
        form.limits.long_edge,
        value=min(_FIRST_EDGE, form.limits.long_edge),
        step=16,
        label="long_edge",
        info="Longer side of the result, pixels. Twice the size takes four times as long.",
    )
    form.strength = gr.Slider(
        0, 1, value=1, step=0.05, label="strength", info="How much of the style, in every method."
    )
    with gr.Accordion("Controls: colours, strokes, detail", open=False):
        fields = control_fields()
        for declared in fields:
            if declared.name == _FADING:
                form.preserve = picture_upload(
                    label="preserve: a grey picture, white where the content is kept", height=140
                )
            form.controls[declared.name] = widget(declared, as_held(declared.default, declared))
    for name in quick_first():
        method = METHODS[name]
        fields, values = form_fields(method), preset_values(method)
        with gr.Accordion(f"Options of {method.title}", open=False) as form.groups[name]:
            group = {f.name: widget(f, values[f.name]) for f in fields if _is_up_front(f)}
            with gr.Accordion("More", open=False):
                group |= {f.name: widget(f, values[f.name]) for f in fields if not _is_up_front(f)}
        form.options[name] = group


def _outputs(form: _Form, visitors: Visitors) -> None:
    """Lay out what comes of it, and connect the buttons."""
    with gr.Row():
        start = gr.Button("Paint", variant="primary", elem_id="paint")
        cancel = gr.Button("Cancel", variant="stop", interactive=False, elem_id="cancel")
    state = gr.HTML(
        views.state(View(message="Ready. Choose pictures, methods and options, then paint.", state="waiting")),
        elem_id="state",
    )
    ordered = quick_first()
    with gr.Row():
        pictures = {name: gr.HTML(views.picture(name, None), elem_id=f"picture-{name}") for name in ordered}
    files = gr.File(label="Download", file_count="multiple", interactive=False, visible=False, elem_id="files")
    curve = gr.HTML("", elem_id="curve")
    table = gr.HTML("", elem_id="table")
    commands = gr.Code(
        label="The same from the shell", language="shell", interactive=False, visible=False, wrap_lines=True
    )
    outputs = [start, cancel, state, *pictures.values(), curve, table, files, commands]

    def paint(request: gr.Request, *values: Any) -> Iterator[list[Any]]:
        shown = _Shown(list(pictures))
        try:
            for view in visitors.paint(str(request.session_hash), **form.read(values)):
                yield shown.updates(view)
        except StyleTransferError as error:
            yield shown.updates(View(message=str(error), state="problem"))

    def stop(request: gr.Request) -> None:
        visitors.cancel(str(request.session_hash))

    start.click(
        paint,
        form.inputs,
        outputs,
        show_progress="hidden",
        preprocess=False,  # which would open pictures by Gradio's means, and refuse values in its words
        concurrency_limit=visitors.limits.waiting + 2,  # one is refused in our own words
        api_name="paint",
    )
    cancel.click(stop, queue=False, show_progress="hidden", api_name="cancel")


class _Shown:
    """Turns views into updates of the widgets; what has not changed is not sent again."""

    def __init__(self, methods: list[str]) -> None:
        self.methods = methods
        self._pictures: dict[str, str] = {}
        self._drawn = 0.0

    def updates(self, view: View) -> list[Any]:
        """Return one update for each output."""
        busy = not view.over
        runs = {run.method: run for run in view.runs}
        return [
            gr.Button(interactive=not busy),
            gr.Button(interactive=busy),
            views.state(view),
            *(
                self._picture(name, views.picture(name, runs.get(name)), name in runs or busy)
                for name in self.methods
            ),
            self._curve(view),
            _table(view),
            gr.File([str(path) for path in view.files], interactive=False, visible=bool(view.files))
            if not busy
            else gr.skip(),
            gr.Code("\n".join(view.commands), visible=bool(view.commands)) if not busy else gr.skip(),
        ]

    def _picture(self, name: str, drawn: str, known: bool) -> Any:
        if not known or self._pictures.get(name) == drawn:
            return gr.skip()
        self._pictures[name] = drawn
        return drawn

    def _curve(self, view: View) -> Any:
        now = time.monotonic()
        if not view.over and now - self._drawn < _CURVE_EVERY:
            return gr.skip()
        self._drawn = now
        return views.curve(view)


def _table(view: View) -> Any:
    if view.comparison is None:
        return "" if view.over else gr.skip()
    return views.table(view.comparison)


def _reactions(form: _Form) -> None:
    """Let widgets follow others: options of the chosen methods are shown, a preset fills in its values."""

    def chosen(methods: list[str]) -> list[Any]:
        return [gr.Accordion(visible=name in methods) for name in form.groups]

    form.methods.change(
        chosen, form.methods, list(form.groups.values()), show_progress="hidden", api_visibility="private"
    )
    for name, group in form.options.items():
        if "preset" in group:
            others = [key for key in group if key != "preset"]

            group["preset"].input(
                _filling(name, others),
                group["preset"],
                [group[key] for key in others],
                show_progress="hidden",
                api_visibility="private",
            )


def _filling(method: str, names: Sequence[str]) -> Any:
    declared = {field.name: field for field in form_fields(METHODS[method])}

    def fill(preset: str) -> list[Any]:
        values = preset_values(METHODS[method], preset)
        return [refilled(declared[name], values[name]) for name in names]

    return fill


def _leaving(visitors: Visitors) -> Any:
    def leave(request: gr.Request) -> None:
        visitors.leave(str(request.session_hash))

    return leave


def _picture(label: str, sample: str, visitors: Visitors) -> gr.Image:
    """Return a place for a picture, which holds a drawn one at first; what is uploaded is looked at."""
    place = picture_upload(value=str(samples.find(sample)), label=label, height=220, elem_id=label.lower())

    def look(request: gr.Request, payload: Any) -> None:
        path = uploaded(payload)
        if path is not None and (fault := visitors.note(str(request.session_hash), path)) is not None:
            gr.Warning(fault)

    place.upload(look, place, preprocess=False, show_progress="hidden", api_visibility="private")
    return place


def _choose_from(names: Sequence[str], place: gr.Image, label: str, *, columns: int) -> None:
    """Show drawn pictures by name; one that is clicked goes into a place."""
    files = [str(samples.find(name)) for name in names]
    gallery = gr.Gallery(
        list(zip(files, names, strict=True)),
        label=label,
        show_label=False,
        columns=columns,
        fit_columns=False,
        height=240,
        allow_preview=False,
        interactive=False,
        object_fit="cover",
        buttons=[],
        min_width=100,
        scale=columns,
        elem_id=label.lower().replace(" ", "-"),
    )

    def choose(chosen: gr.SelectData) -> str:
        return files[int(chosen.index)]

    gallery.select(choose, None, place, show_progress="hidden", api_visibility="private")


def _is_up_front(declared: Field) -> bool:
    """Whether an option is shown at once: presets and what has a slider."""
    return declared.span is not None or declared.name == "preset"
