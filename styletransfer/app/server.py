"""The server: one process on this machine, which removes its files when it ends. Needs Gradio."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import tempfile
import threading
import webbrowser
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from styletransfer.app.limits import Limits
from styletransfer.errors import OptionError

#: Where the search for a free port starts, and how many are tried.
_FIRST_PORT, _PORTS = 7860, 40
#: Seconds that open connections may take to end.
_GOODBYE = 2
#: A browser loads nothing from elsewhere: the page works offline, and tells nobody of its visitors.
_POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self' data: blob: ws: wss:"
)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def require_gradio() -> None:
    """Find out whether the app can be shown.

    Raises:
        OptionError: Gradio is not installed.
    """
    if importlib.util.find_spec("gradio") is None:
        raise OptionError(
            'The app needs Gradio, which is not installed: python -m pip install "styletransfer-toolkit[app]".'
        )


def serve(
    limits: Limits | None = None,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    open_browser: bool = False,
    tell: Callable[[str], object] = print,
) -> None:
    """Serve the app until Ctrl-C.

    Args:
        limits: What each visitor may ask.
        host: Address to listen at; the default is reached from this machine alone, ``"0.0.0.0"`` from others.
        port: Where; by default the first free one from 7860 on.
        open_browser: Also open the page in the browser of this machine.
        tell: Called with the address, and with what should be known of it.

    Raises:
        OptionError: Gradio is not installed, or an address or port that cannot be had.
    """
    require_gradio()
    with listening(host, port) as listener, tempfile.TemporaryDirectory(prefix="styletransfer-app-") as folder:
        number = listener.getsockname()[1]
        shown = f"[{host}]" if ":" in host else "127.0.0.1" if host == "0.0.0.0" else host
        address = f"http://{shown}:{number}"
        tell(f"The app is at {address} until Ctrl-C.")
        if host not in _LOOPBACK:
            tell(f"Everybody who can reach this machine at port {number} can use it.")
        if open_browser:
            threading.Timer(1.0, webbrowser.open, [address]).start()
        server, visitors = start(limits or Limits(), Path(folder))
        try:
            with contextlib.suppress(KeyboardInterrupt):
                server.run(sockets=[listener])
        finally:
            visitors.leave_all()


@contextlib.contextmanager
def listening(host: str, port: int | None) -> Iterator[socket.socket]:
    """Take hold of the port before anything slow is imported."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    tried = [port] if port is not None else [*range(_FIRST_PORT, _FIRST_PORT + _PORTS), 0]
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        if os.name == "posix":  # a port that was used a moment ago; elsewhere it would let two servers share one
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for number in tried:
            try:
                listener.bind((host, number))
                listener.listen()
                break
            except OSError as problem:
                if number == tried[-1]:
                    raise OptionError(_refusal(host, port, problem)) from problem
        yield listener


def _refusal(host: str, port: int | None, problem: OSError) -> str:
    where = host if port is None else f"{host}, port {port}"
    cure = "Give another address with --host." if port is None else "Give another --port, or leave it out."
    return f"Cannot listen at {where}: {problem.strerror or problem}. {cure}"


def start(limits: Limits, folder: Path) -> tuple[Any, Any]:
    """Return a server of the page that is ready to run, and its `Visitors`.

    Args:
        limits: What each visitor may ask.
        folder: Where uploads and results are kept; removing it is the caller's.
    """
    uploads, results = folder / "uploads", folder / "uploads" / "results"
    results.mkdir(parents=True, exist_ok=True)
    # Read by Gradio when it is imported, and when widgets are made.
    os.environ |= {"GRADIO_TEMP_DIR": str(uploads), "GRADIO_ANALYTICS_ENABLED": "False"}
    import uvicorn

    from styletransfer.app.visitors import Visitors

    visitors = Visitors(limits, results)
    config = uvicorn.Config(create_app(visitors), log_level="warning", timeout_graceful_shutdown=_GOODBYE)
    return uvicorn.Server(config), visitors


def create_app(visitors: Any) -> Any:
    """Return the page as an ASGI application, for a server of one's own.

    Args:
        visitors: See `styletransfer.app.visitors.Visitors`.
    """
    import fastapi
    import gradio as gr

    from styletransfer.app import views
    from styletransfer.app.page import create_page

    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def close_off(
        request: fastapi.Request, call_next: Callable[[fastapi.Request], Awaitable[fastapi.Response]]
    ) -> fastapi.Response:
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    letters = ["system-ui", "sans-serif"]
    mono = ["ui-monospace", "monospace"]
    return gr.mount_gradio_app(
        app,
        create_page(visitors),
        path="/",
        theme=gr.themes.Default(font=letters, font_mono=mono),
        css=views.CSS,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        max_file_size=visitors.limits.upload_megabytes * 1_000_000,
    )
