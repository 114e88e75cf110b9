"""The server: one process on this machine, which removes its files when it ends. Needs Gradio."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import threading
import webbrowser
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from styletransfer.app.limits import Limits
from styletransfer.errors import OptionError
from styletransfer.files import passing_folder

#: Where the search for a free port starts, and how many are tried.
_FIRST_PORT, _PORTS = 7860, 40
#: How the names of folders with uploads begin, and seconds between two looks for those who have left.
_FOLDERS, _SWEEP = "styletransfer-app-", 30
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
    if not host.strip():
        raise OptionError("The address to listen at is empty; leave --host out, or give one such as 0.0.0.0.")
    with listening(host, port) as listener, passing_folder(_FOLDERS) as folder:
        number = listener.getsockname()[1]
        shown = f"[{host}]" if ":" in host else "127.0.0.1" if host == "0.0.0.0" else host
        address = f"http://{shown}:{number}"
        tell(f"The app is at {address} until Ctrl-C.")
        if host not in _LOOPBACK:
            tell(f"Everybody who can reach this machine at port {number} can use it.")
        if open_browser:
            threading.Timer(1.0, webbrowser.open, [address]).start()
        server, visitors = start(limits or Limits(), folder)
        over = threading.Event()
        threading.Thread(target=_sweep, args=(visitors, over), daemon=True).start()
        try:
            with contextlib.suppress(KeyboardInterrupt), _ending():
                server.run(sockets=[listener])
        finally:
            over.set()
            visitors.leave_all()


def _sweep(visitors: Any, over: threading.Event) -> None:
    """Look for visitors who are gone, now and then."""
    while not over.wait(_SWEEP):
        visitors.sweep()


@contextlib.contextmanager
def _ending() -> Iterator[None]:
    """Let a server that is told to end, or whose terminal is closed, remove its files as at Ctrl-C.

    Once it has closed its connections, uvicorn sends itself the signal again that it was stopped by.
    """

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    def hang_up(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)  # which uvicorn hears

    handlers = {"SIGTERM": end, "SIGHUP": hang_up}
    main = threading.current_thread() is threading.main_thread()  # no other may ask for signals
    before = {
        getattr(signal, name): signal.signal(getattr(signal, name), handler)
        for name, handler in handlers.items()
        if main and hasattr(signal, name)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
    uploads = folder / "uploads"
    uploads.mkdir(exist_ok=True)
    # Read by Gradio when it is imported, and when widgets are made.
    os.environ |= {"GRADIO_TEMP_DIR": str(uploads), "GRADIO_ANALYTICS_ENABLED": "False"}
    import uvicorn

    from styletransfer.app.visitors import Visitors

    visitors = Visitors(limits, uploads)
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
    page = create_page(visitors)
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        # Help in a grey that is read on a projector, too.
        theme=gr.themes.Default(font=letters, font_mono=mono).set(
            block_info_text_color="*neutral_600", block_info_text_color_dark="*neutral_300"
        ),
        css=views.CSS,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        max_file_size=visitors.limits.upload_megabytes * 1_000_000,
    )
    # A page that is mounted does not count as launched, and then Gradio does not ask whether a file was uploaded.
    page.has_launched = True
    return app
