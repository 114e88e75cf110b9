"""The report as one HTML page that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from benchmarks.report.parts import Section, Strip, Table
from styletransfer.plotting import COLORS

#: The same hues, lightened for a dark page.
_DARK_COLORS = ("#4aa8e8", "#ff8b4a", "#2fc79a", "#e39ac2", "#f2b83b", "#9fd8f7")

_STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --grey: #5a5a5a; --rule: #d6d6d6; --page: #ffffff;
  --band: #f5f6f7; --warn: #fff4d6; LIGHT }
@media (prefers-color-scheme: dark) { :root { --ink: #ececec; --grey: #b4b4b4; --rule: #44474c; --page: #16181b;
  --band: #1f2226; --warn: #4a3c12; DARK } }
body { margin: 0 auto; max-width: 64rem; padding: 1.5rem 1.25rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: .5rem 0; }
h2 { font-size: 1.4rem; margin: 3rem 0 .5rem; padding-top: 1rem; border-top: 2px solid var(--rule); }
h3 { font-size: 1.1rem; margin: 2rem 0 .25rem; }
p { max-width: 46rem; margin: .5rem 0; }
.warn { background: var(--warn); padding: .5rem .75rem; border-radius: .4rem; }
nav { color: var(--grey); font-size: .95rem; }
a { color: var(--series-0); }
li { max-width: 46rem; margin: .3rem 0; }
figure { margin: 1rem 0; }
.strip { display: flex; flex-wrap: wrap; gap: .5rem; margin: .25rem 0 1rem; }
.strip figure { margin: 0; width: 11.5rem; }
.strip img { width: 100%; height: auto; display: block; }
figcaption { color: var(--grey); font-size: .8rem; line-height: 1.3; }
svg { width: 100%; height: auto; }
.scroll { overflow-x: auto; margin: .75rem 0 1.25rem; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .7rem; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th.name, td.name { text-align: left; }
caption { text-align: left; color: var(--grey); padding-bottom: .3rem; }
th { color: var(--grey); font-weight: 600; vertical-align: bottom; white-space: normal; }
tbody td:nth-last-child(1):nth-child(2) { white-space: normal; overflow-wrap: anywhere; }
tbody tr:nth-child(even) { background: var(--band); }
code { font-size: .9em; overflow-wrap: anywhere; }
"""


def render(title: str, sections: Sequence[Section]) -> str:
    """Return the page, with links to its parts if there are several."""
    body = [f"<h1>{escape(title)}</h1>"]
    parts = [section for section in sections if section.part]
    if len(parts) > 1:
        links = " \N{MIDDLE DOT} ".join(f'<a href="#{_anchor(p.title)}">{escape(p.title)}</a>' for p in parts)
        body.append(f"<nav>{links}</nav>")
    body += [_section(section) for section in sections]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_css()}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _css() -> str:
    light, dark = (" ".join(f"--series-{i}: {c};" for i, c in enumerate(hues)) for hues in (COLORS, _DARK_COLORS))
    return _STYLE.replace("LIGHT", light).replace("DARK", dark)


def _section(section: Section) -> str:
    tag = "h2" if section.part else "h3"
    lines = [f'<{tag} id="{_anchor(section.title)}">{escape(section.title)}</{tag}>']
    lines += [f'<p class="warn">{escape(text)}</p>' for text in section.warnings]
    lines += [f"<p>{_inline(text)}</p>" for text in section.text]
    if section.bullets:
        lines.append("<ul>" + "".join(f"<li>{_inline(text)}</li>" for text in section.bullets) + "</ul>")
    lines += [f"<figure>{chart}</figure>" for chart in section.charts]
    lines += [_strip(strip) for strip in section.strips]
    lines += [_table(table) for table in section.tables if table.rows]
    return "\n".join(lines)


def _strip(strip: Strip) -> str:
    figures = "".join(
        f'<figure><img src="data:image/webp;base64,{picture.data}" alt="{escape(picture.caption)}" loading="lazy">'
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
        for picture in strip.pictures
    )
    return f'<p>{escape(strip.title)}</p>\n<div class="strip">{figures}</div>'


def _table(table: Table) -> str:

    def cells(row: Sequence[str], tag: str) -> str:
        names = [' class="name"' if i < table.names else "" for i in range(len(row))]
        return "".join(f"<{tag}{kind}>{escape(cell)}</{tag}>" for cell, kind in zip(row, names, strict=True))

    head = cells(table.head, "th")
    rows = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in table.rows)
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    return f'<div class="scroll"><table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _inline(text: str) -> str:
    """Escape, and set what stands between backticks as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def _anchor(title: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in title.lower())
