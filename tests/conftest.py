"""What all tests share: seeded random networks, small pictures, and two fences (network, random state)."""

from __future__ import annotations

import dataclasses
import http.server
import ipaddress
import math
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from styletransfer.features.vgg import VGG19Features
from styletransfer.judging import judges
from styletransfer.layers import LITE_WIDTHS
from styletransfer.method import Method
from styletransfer.methods import METHODS
from styletransfer.methods.feedforward.decoder_files import LITE, Decoder
from tests.made_up import TINT

try:
    import hypothesis
except ModuleNotFoundError:  # installed with [bench] alone: `pytest --benchmark-only` at the root has to work
    collect_ignore_glob = ["*"]
else:
    # The same examples on every run and machine; two slow cores must not fail a test by their slowness.
    hypothesis.settings.register_profile("package", deadline=None, derandomize=True, database=None)
    hypothesis.settings.load_profile("package")

Picture = Callable[..., Tensor]


def pytest_report_header() -> str | None:
    left_out = "collect_ignore_glob" in globals()
    return "The tests are left out: they need hypothesis (extra [test])." if left_out else None


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Let Ctrl-C be heard: a shell starts what it sends to the background deaf to it, and its children too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _embedded_judge() -> Iterator[None]:
    """Judge by the small network even where the strict one is installed; it takes an eighth of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judges, "default_judge", lambda: "vgg19-lite-1")
        yield


@pytest.fixture(scope="session", autouse=True)
def _small_network() -> Iterator[None]:
    """Let every method work on the small embedded network where a test names none; it is four times as fast."""
    with pytest.MonkeyPatch.context() as patch:
        for name, method in METHODS.items():
            patch.setitem(METHODS, name, dataclasses.replace(method, extractor="vgg19-lite-1"))
        yield


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test fail that reaches beyond this machine; `pytest.fail` passes through ``except Exception``."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    real_lookup, real_connect, real_connect_ex = (
        socket.getaddrinfo,
        socket.socket.connect,
        socket.socket.connect_ex,
    )

    def check(address: Any) -> None:
        if isinstance(address, tuple) and not _is_loopback(address[0]):
            pytest.fail(f"A test tried to reach {address[0]!r}; tests have no network.")

    def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        check((host,))
        return real_lookup(host, *args, **kwargs)

    def connect(self: socket.socket, address: Any) -> Any:
        check(address)
        return real_connect(self, address)

    def connect_ex(self: socket.socket, address: Any) -> Any:
        check(address)
        return real_connect_ex(self, address)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect_ex)


def _is_loopback(host: Any) -> bool:
    if isinstance(host, bytes):
        host = host.decode()
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def _own_randomness() -> Iterator[None]:
    """Start every test from the same random state, and give back the one that was there."""
    before = torch.get_rng_state()
    torch.manual_seed(0)
    yield
    torch.set_rng_state(before)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Run on one thread: tiny networks are several times as fast that way, most of all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def seeded(build: Callable[[], nn.Module], seed: int) -> Any:
    """Build a network whose random weights are the same in every run, whatever ran before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def random_extractor(name: str = "vgg19-lite-1", **settings: Any) -> VGG19Features:
    """Build an extractor with random weights whose activations keep their size from layer to layer."""
    network = VGG19Features(name, **{"widths": LITE_WIDTHS, "last": "conv5_1"} | settings)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.uniform_(module.bias, -0.1, 0.1)
    return network


def random_decoder() -> Decoder:
    """Build a decoder whose blocks and modulation, which start without effect, have one."""
    decoder = Decoder(dataclasses.replace(LITE, alignment="channels"))
    for name, parameter in decoder.named_parameters():
        if name.endswith(("second.weight", "modulation.out.weight")):
            nn.init.normal_(parameter, std=0.01)
    return decoder


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Method:
    """A third method, registered for one test."""
    monkeypatch.setitem(METHODS, TINT.name, TINT)
    return TINT


@pytest.fixture(scope="session")
def extractor() -> VGG19Features:
    """`vgg19-lite-1` with random weights: its topology, widths and name."""
    return seeded(random_extractor, 11)


@pytest.fixture(scope="session")
def decoder() -> Decoder:
    """The `lite` decoder with random weights, frozen."""
    return seeded(random_decoder, 12).requires_grad_(False)


@pytest.fixture(scope="session")
def picture() -> Picture:
    """A function ``picture(height, width, seed=0, batch=1)``: soft coloured blobs with some fine grain."""

    def draw(height: int = 32, width: int = 40, seed: int = 0, batch: int = 1) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        coarse = torch.rand(batch, 3, 4, 4, generator=generator)
        soft = F.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False)
        grain = torch.rand(batch, 3, height, width, generator=generator) - 0.5
        return (soft + 0.2 * grain).clamp(0, 1)

    return draw


# Written out, not derived, so that a mistake in layers.py cannot hide.
PLAN = {
    "conv1_1": (0, 2), "conv1_2": (2, 5),
    "conv2_1": (5, 9), "conv2_2": (7, 12),
    "conv3_1": (10, 16), "conv3_2": (12, 19), "conv3_3": (14, 22), "conv3_4": (16, 25),
    "conv4_1": (19, 29), "conv4_2": (21, 32), "conv4_3": (23, 35), "conv4_4": (25, 38),
    "conv5_1": (28, 42), "conv5_2": (30, 45), "conv5_3": (32, 48), "conv5_4": (34, 51),
}  # fmt: skip


def random_convolutions(widths: tuple[int, ...], last: str) -> dict[str, Tensor]:
    """He-scaled kernels and small biases, so that activations stay near 1 at every depth."""
    generator = torch.Generator().manual_seed(1)
    tensors, channels = {}, 3
    for name in list(PLAN)[: list(PLAN).index(last) + 1]:
        width = widths[int(name[4]) - 1]
        scale = math.sqrt(2 / (9 * channels))
        tensors[f"{name}.weight"] = torch.randn(width, channels, 3, 3, generator=generator) * scale
        tensors[f"{name}.bias"] = torch.randn(width, generator=generator) * 0.1
        channels = width
    return tensors


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of one's own; the name of its folder, which does not exist yet."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("STYLETRANSFER_HOME", str(folder))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return folder


@pytest.fixture(scope="session")
def lite_tensors() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(2)
    return random_convolutions((16, 32, 64, 128, 128), "conv5_1") | {
        "color.weight": torch.randn(3, 3, 1, 1, generator=generator),
        "color.bias": torch.randn(3, generator=generator),
    }


@pytest.fixture
def lite_file(tmp_path: Path, lite_tensors: dict[str, Tensor]) -> Path:
    path = tmp_path / "vgg19-lite-1.safetensors"
    save_file({name: x.half() for name, x in lite_tensors.items()}, path)
    return path


@pytest.fixture(scope="session")
def full_convolutions() -> dict[str, Tensor]:
    return random_convolutions((64, 128, 256, 512, 512), "conv5_4")


@pytest.fixture(scope="session")
def torchvision_file(
    tmp_path_factory: pytest.TempPathFactory, full_convolutions: dict[str, Tensor]
) -> Iterator[Path]:
    """A .pth named as torchvision's, with one tensor of the classifier."""
    path = tmp_path_factory.mktemp("torchvision") / "vgg19-dcbb9e9d.pth"
    stored = {
        f"features.{PLAN[name.split('.')[0]][0]}.{name.split('.')[1]}": x for name, x in full_convolutions.items()
    }
    torch.save(stored | {"classifier.6.bias": torch.zeros(1000)}, path)
    yield path
    path.unlink()  # 80 MB


@pytest.fixture(scope="session")
def normalised_file(
    tmp_path_factory: pytest.TempPathFactory, full_convolutions: dict[str, Tensor]
) -> Iterator[Path]:
    """As PyTorch wrote files in 2017: a bare pickle, not a zip archive."""
    path = tmp_path_factory.mktemp("normalised") / "vgg_normalised.pth"
    generator = torch.Generator().manual_seed(3)
    stored = {
        "0.weight": torch.randn(3, 3, 1, 1, generator=generator),
        "0.bias": torch.randn(3, generator=generator),
    }
    for name, x in full_convolutions.items():
        stored[f"{PLAN[name.split('.')[0]][1]}.{name.split('.')[1]}"] = x
    torch.save(stored, path, _use_new_zipfile_serialization=False)
    yield path
    path.unlink()


Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


@pytest.fixture
def serve() -> Iterator[Callable[[str, Answer | bytes], str]]:
    """``serve("/name", body or function)`` returns a URL on the loopback interface."""
    answers: dict[str, Answer | bytes] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path)
            if answer is None:
                self.send_error(404)
            elif isinstance(answer, bytes):
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
            else:
                answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that left
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()

    def add(path: str, answer: Answer | bytes) -> str:
        answers[path] = answer
        return f"http://127.0.0.1:{server.server_address[1]}{path}"

    yield add
    server.shutdown()
    server.server_close()
    thread.join()
