"""The app: both families of methods in a browser, for one person or a class that shares a machine.

Gradio is needed for `page`, `widgets` and `server` alone (extra ``app``); what they show is computed without it.
"""

from styletransfer.app.limits import Limits
from styletransfer.app.server import serve

__all__ = ["Limits", "serve"]
