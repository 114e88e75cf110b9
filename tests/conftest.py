"""What all tests share: seeded random networks, small pictures, and two fences (network, random state)."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styletransfer.features.layers import LITE_WIDTHS
from styletransfer.features.vgg import VGG19Features
from styletransfer.methods.decoder import LITE, Decoder

# The same examples on every run and machine; two slow cores must not fail a test by their slowness.
hypothesis.settings.register_profile("package", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("package")

Picture = Callable[..., Tensor]


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Let Ctrl-C be heard: a shell starts what it sends to the background deaf to it, and its children too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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


def random_extractor(name: str = "vgg19-lite", **settings: Any) -> VGG19Features:
    """Build an extractor with random weights whose activations keep their size from layer to layer."""
    network = VGG19Features(name, **{"widths": LITE_WIDTHS, "last": "conv5_1"} | settings)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.uniform_(module.bias, -0.1, 0.1)
    return network


def random_decoder() -> Decoder:
    """Build a decoder whose blocks and modulation, which start without effect, have one."""
    decoder = Decoder(LITE)
    for name, parameter in decoder.named_parameters():
        if name.endswith(("second.weight", "modulation.out.weight")):
            nn.init.normal_(parameter, std=0.01)
    return decoder


@pytest.fixture(scope="session")
def extractor() -> VGG19Features:
    """`vgg19-lite` with random weights: its topology, widths and name."""
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
