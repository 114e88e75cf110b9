"""Settings of Sphinx for the site that `build.py` makes."""

import re
from typing import Any

from styletransfer._version import __version__

project = "styletransfer"
author = "the styletransfer developers"
project_copyright = "the styletransfer developers"
release = __version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
html_theme = "furo"
html_title = f"styletransfer {release}"
html_show_sourcelink = False
html_copy_source = False
myst_heading_anchors = 4
myst_enable_extensions = ["strikethrough"]
# Words in single backticks are code, in docstrings as in the pages.
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_type_aliases = {name: name for name in ("ImageSource", "Masks", "OnStep", "Strength", "Target")}
python_maximum_signature_line_length = 80
napoleon_use_ivar = True
napoleon_use_rtype = False
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True
suppress_warnings = ["myst.header"]  # the page of measured figures begins at a lower level


def setup(app: Any) -> None:
    """Write type aliases by their names; Sphinx 9 shows how it keeps them inside unions."""

    def named(*given: Any) -> tuple[str | None, ...]:
        return tuple(text and re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", text) for text in given[-2:])

    app.connect("autodoc-process-signature", named)
