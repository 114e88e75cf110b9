"""What a visitor sees of a comparison, as HTML: the state, the pictures, the curves, the table."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

from styletransfer.app.painting import Run
from styletransfer.app.visitors import View
from styletransfer.comparing.result import Comparison
from styletransfer.plotting import loss_terms, title

#: Letters, spaces and colours of what is drawn here; everything else is Gradio's.
CSS = """
.st-state {padding: 10px 14px; border-radius: 8px; border: 1px solid
  var(--border-color-primary); font-size: 1.05em}
.st-problem {border-color: #b3261e; color: #b3261e; font-weight: 600}
.st-done {border-color: #2e7d32}
.st-bar {height: 6px; border-radius: 3px; margin-top: 8px; overflow: hidden;
  background: var(--border-color-primary)}
.st-bar div {height: 100%; background: #1f6feb}
.st-run {margin: 0}
.st-run img, .st-curve img {width: 100%; border-radius: 8px; background: #fff}
.st-run figcaption {padding: 6px 2px; font-size: 0.95em}
.st-run .st-none {aspect-ratio: 4 / 3; border: 1px dashed var(--border-color-primary); border-radius: 8px;
  display: flex; align-items: center; justify-content: center; opacity: 0.6}
.st-table {overflow-x: auto}
.st-table table {border-collapse: collapse; font-size: 0.92em; font-variant-numeric: tabular-nums}
.st-table th, .st-table td {padding: 4px 9px; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--border-color-primary)}
.st-table th:first-child, .st-table td:first-child {text-align: left}
.st-notes {font-size: 0.92em; margin-top: 8px}
"""


#: What is special about figures in the app.
_NOTES = (
    "Seconds here include sending pictures to this page; measure speed with styletransfer benchmark.",
    "The losses under the pictures are each method's own, with its own weights and layers, of the picture before "
    "strength and controls act at its end. They cannot be compared with each other; this table's figures can.",
)


def state(view: View) -> str:
    """Return the line that tells how far everything is, with a bar while something runs."""
    share = _share(view)
    bar = "" if share is None else f'<div class="st-bar"><div style="width: {100 * share:.1f}%"></div></div>'
    live = 'role="alert"' if view.state == "problem" else 'role="status" aria-live="polite"'
    return f'<div class="st-state st-{view.state}" {live}>{html.escape(view.message)}{bar}</div>'


def picture(method: str, run: Run | None) -> str:
    """Return a method's picture so far with its figures under it."""
    name = html.escape(title(method))
    if run is None or run.picture is None:
        return f'<figure class="st-run"><div class="st-none">{name}</div></figure>'
    data = base64.b64encode(run.picture).decode()
    return (
        f'<figure class="st-run"><img src="data:image/jpeg;base64,{data}" alt="The picture of {name}">'
        f"<figcaption><b>{name}</b> {html.escape(_caption(run))}</figcaption></figure>"
    )


def curve(view: View) -> str:
    """Return the curves of the last run that has any, or nothing."""
    measured = [run for run in view.runs if sum(bool(step.losses) for step in run.history) > 1]
    if not measured:
        return ""
    drawn = io.BytesIO()
    loss_terms(measured[-1].history).savefig(drawn, format="png")
    data = base64.b64encode(drawn.getvalue()).decode()
    name = html.escape(title(measured[-1].method))
    image = f'<img src="data:image/png;base64,{data}" alt="The loss terms of {name} by step">'
    return f'<div class="st-curve">{image}</div>'


def table(comparison: Comparison) -> str:
    """Return the figures of a comparison, and what they mean below them."""
    headings, lines = comparison.table()
    names = [title(row.method) for row in comparison.rows]
    names += [line[0] for line in lines[len(names) :]]
    head = "".join(f"<th>{html.escape(name)}</th>" for name in ["", *names])
    # One column for each picture, as the pictures stand; it fits on a phone, too.
    rows = zip(headings[1:], *(line[1:] for line in lines), strict=True)
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in [*comparison.notes(), *_NOTES])
    return (
        f'<div class="st-table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        f'<details class="st-notes"><summary>What these figures mean</summary><ul>{notes}</ul></details>'
    )


def _cells(line: Sequence[str]) -> str:
    return "".join(f"<td>{html.escape(cell)}</td>" for cell in line)


def _caption(run: Run) -> str:
    last = run.history[-1] if run.history else None
    words = [f"{run.seconds:.2f} s"]
    if last is not None and last.steps > 1:
        words.append(f"step {last.step} of {last.steps}")
    if last is not None and "total" in last.losses:
        words.append(f"own loss {last.total:.4g}")
    return " · ".join(words)


def _share(view: View) -> float | None:
    """Return the share that is done of the run that is being painted."""
    running = [run for run in view.runs if run.history and not run.done]
    if view.state != "working" or not running:
        return None
    last = running[-1].history[-1]
    return last.step / last.steps
