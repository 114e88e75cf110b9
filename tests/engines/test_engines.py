"""Which engine is loaded, what is said where one cannot work, and what answers then."""

from __future__ import annotations

import copy
import dataclasses
import functools
import importlib.util
import shutil
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from styletransfer.engines import ENGINES, compiled, load, runtimes
from styletransfer.engines.recorder import Recorder
from styletransfer.engines.runtimes import Array, Run, Runtime
from styletransfer.errors import OptionError
from styletransfer.features.vgg import VGG19Features
from styletransfer.methods.feedforward.decoder_files import FAST, BaseDecoder, build_decoder

Draw = Callable[..., Tensor]
SMALL = dataclasses.replace(
    FAST, taps=FAST.taps[:3], channels=FAST.channels[:3], stages=((8,), (8, 8)), blocks=(1, 0), ranks=(8,) * 5
)
TAPS = ("relu1_1", "relu2_1")


def test_torch_is_the_networks_themselves(extractor: VGG19Features, decoder: BaseDecoder) -> None:
    networks = load("torch", extractor, decoder)
    assert networks.encode is extractor
    assert networks.stage == decoder.stage
    assert ENGINES[0] == "torch"


def test_an_unknown_engine_is_refused(extractor: VGG19Features, decoder: BaseDecoder) -> None:
    with pytest.raises(OptionError, match=r"Unknown engine 'onnx'.* Choose one of: torch, onnxruntime, openvino"):
        load("onnx", extractor, decoder)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
class TestWhereItCannotWork:
    def test_absent(
        self, engine: str, extractor: VGG19Features, decoder: BaseDecoder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        message = rf"'{engine}' is not installed, so torch computes instead.*styletransfer-toolkit\[{engine}\]"
        with pytest.warns(UserWarning, match=message) as told:
            networks = load(engine, extractor, decoder)
        assert networks.encode is extractor
        assert len(told) == 1

    def test_on_another_device(self, engine: str, decoder: BaseDecoder) -> None:
        elsewhere = VGG19Features("vgg19-lite-1", widths=(4, 4, 4, 4, 4)).to("meta")
        with pytest.raises(OptionError, match=f"'{engine}' is for the CPU, the extractor is on meta"):
            load(engine, elsewhere, decoder)

    def test_in_another_precision(self, engine: str, extractor: VGG19Features, decoder: BaseDecoder) -> None:
        half = copy.deepcopy(extractor).to(torch.bfloat16)
        with pytest.raises(OptionError, match=f"'{engine}' computes in float32, not in bfloat16"):
            load(engine, half, decoder)


class Fake:
    """A runtime that takes down what it is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: Exception | None = None, at_opening: bool = False):
        self.opened: list[int] = []
        self.runs, self.outputs = 0, 2
        self.error, self.at_opening = error, at_opening
        monkeypatch.setitem(runtimes.RUNTIMES, "onnxruntime", Runtime(open=self.open, folded=False))
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())

    def open(self, model: bytes, threads: int) -> Run:
        assert b"Conv" in model
        self.opened.append(threads)
        if self.error is not None and self.at_opening:
            raise self.error
        return self.run

    def run(self, arrays: Mapping[str, Array]) -> list[Array]:
        self.runs += 1
        if self.error is not None:
            raise self.error
        return [np.full((1, 1, 1, 1), x, dtype=np.float32) for x in range(1, 1 + self.outputs)]


class TestSessions:
    def test_one_serves_all_sizes_and_each_picture_of_a_batch(
        self, extractor: VGG19Features, decoder: BaseDecoder, picture: Draw, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake = Fake(monkeypatch)
        networks = load("onnxruntime", extractor, decoder)
        assert not fake.opened
        for pictures in (picture(32, 32), picture(48, 32, batch=3)):
            made = networks.encode(pictures, TAPS)
            assert {layer: x.flatten().tolist() for layer, x in made.items()} == {
                "relu1_1": [1.0] * len(pictures),
                "relu2_1": [2.0] * len(pictures),
            }
        assert (len(fake.opened), fake.runs) == (1, 4)
        fake.outputs = 1
        networks.encode(picture(32, 32), ["relu2_1"])
        assert len(fake.opened) == 2

    def test_threads_follow_torch(
        self, extractor: VGG19Features, decoder: BaseDecoder, picture: Draw, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake, threads = Fake(monkeypatch), torch.get_num_threads()
        networks = load("onnxruntime", extractor, decoder)
        try:
            for number in (1, 2, 1):
                torch.set_num_threads(number)
                networks.encode(picture(32, 32), TAPS)
        finally:
            torch.set_num_threads(threads)
        assert fake.opened == [1, 2]

    @pytest.mark.parametrize("at_opening", [True, False])
    def test_a_failure_is_told_once_and_torch_computes(
        self,
        at_opening: bool,
        extractor: VGG19Features,
        decoder: BaseDecoder,
        picture: Draw,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        fake = Fake(monkeypatch, OSError("No kernel.\nDetails"), at_opening=at_opening)
        networks, content = load("onnxruntime", extractor, decoder), picture(32, 32)
        with pytest.warns(UserWarning, match=r"'onnxruntime' failed, so torch computes instead.*: No kernel\.$"):
            made = networks.encode(content, TAPS)
        again = networks.encode(content, TAPS)
        for layer, wanted in extractor(content, TAPS).items():
            assert torch.equal(made[layer], wanted)
            assert torch.equal(again[layer], wanted)
        assert len(fake.opened) == 1

    @pytest.mark.parametrize("error", [MemoryError("full"), RuntimeError("std::bad_alloc")])
    def test_a_lack_of_memory_is_passed_on(
        self,
        error: Exception,
        extractor: VGG19Features,
        decoder: BaseDecoder,
        picture: Draw,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        fake = Fake(monkeypatch, error)
        networks = load("onnxruntime", extractor, decoder)
        for _ in range(2):
            with pytest.raises(MemoryError):
                networks.encode(picture(32, 32), TAPS)
        assert len(fake.opened) == 2  # what the first session held was given back


class TestRecorder:
    @pytest.mark.parametrize(
        ("network", "message"),
        [
            (lambda x: x.sin(), "'sin' of torch has no counterpart"),
            (lambda x: x.view(1, 3, -1), "depend on the size of the example"),
            (lambda x: x[:, :, 1:], "depend on the size of the example"),
            (lambda x: x.permute(0, 2, 3, 1) + 0.5 * x.permute(0, 2, 3, 1), "interleaved channels are for 1x1"),
            (lambda x: x.permute(3, 0, 1, 2), "axes in the order"),
            (lambda x: torch.nn.functional.linear(x, torch.ones(2, 8)), "interleaved channels only"),
            (lambda x: torch.nn.functional.conv2d(x, torch.ones(2, 3, 3, 3), None, 1, 1), "no padding"),
        ],
    )
    def test_what_has_no_counterpart_is_refused(self, network: Callable[[Tensor], Tensor], message: str) -> None:
        recorder, example = Recorder(), torch.zeros(1, 3, 8, 8)
        recorder.input("x", example)
        with recorder, pytest.raises(NotImplementedError, match=message):
            network(example)

    def test_what_depends_on_weights_alone_is_computed(self) -> None:
        recorder, example = Recorder(), torch.zeros(1, 3, 8, 8)
        recorder.input("x", example)
        with recorder:
            made = torch.nn.functional.conv2d(example, torch.ones(2, 3, 1, 1).sin() @ torch.ones(1, 1), None)
        recorder.output("made", made)
        assert recorder.graph.serialised().count(b"Conv") == 1


class TestCompiled:
    """With torch's own tracing and, but for one test, without its compiler, which takes a minute."""

    @pytest.fixture
    def backend(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
        def choose(backend: Any) -> None:
            monkeypatch.setattr(compiled.torch, "compile", functools.partial(torch.compile, backend=backend))

        return choose

    def test_gives_what_torch_gives(
        self, extractor: VGG19Features, picture: Draw, backend: Callable[[Any], None]
    ) -> None:
        backend("eager")
        decoder = build_decoder(SMALL).requires_grad_(False)
        networks = load("compiled", extractor, decoder)
        with torch.no_grad():
            changes = decoder.changes(torch.zeros(1, 4 * sum(SMALL.channels)))
            for size in ((32, 32), (48, 40)):
                wanted = extractor(picture(*size), SMALL.taps)
                made = networks.encode(picture(*size), SMALL.taps)
                assert all(torch.equal(made[layer], x) for layer, x in wanted.items())
                x = None
                for index, shape in enumerate(SMALL.stage_shapes):
                    own = {tap: wanted[tap] for tap in shape.taps}
                    reached = decoder.stage(index, x, own, changes[index])
                    assert torch.equal(networks.stage(index, x, own, changes[index]), reached)
                    x = reached

    def test_a_failure_is_told_once_and_torch_computes(
        self, extractor: VGG19Features, decoder: BaseDecoder, picture: Draw, backend: Callable[[Any], None]
    ) -> None:
        def broken(*_: Any) -> Any:
            raise OSError("no compiler")

        backend(broken)
        networks, content = load("compiled", extractor, decoder), picture(32, 32)
        with pytest.warns(UserWarning, match="'compiled' failed, so torch computes instead.*no compiler"):
            made = networks.encode(content, TAPS)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            again = networks.encode(content, TAPS)
        for layer, wanted in extractor(content, TAPS).items():
            assert torch.equal(made[layer], wanted)
            assert torch.equal(again[layer], wanted)

    def test_what_is_wrong_with_a_picture_is_said_as_ever(
        self, extractor: VGG19Features, decoder: BaseDecoder, backend: Callable[[Any], None]
    ) -> None:
        backend("eager")
        networks = load("compiled", extractor, decoder)
        with pytest.raises(OptionError, match=r"takes a tensor of pictures \(B, 3, H, W\)"):
            networks.encode(torch.rand(1, 2, 32, 32), TAPS)

    @pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler here")
    def test_with_the_compiler(self, extractor: VGG19Features, decoder: BaseDecoder, picture: Draw) -> None:
        networks, content = load("compiled", extractor, decoder), picture(32, 40)
        with torch.no_grad():
            made = networks.encode(content, ["relu1_1"])["relu1_1"]
            wanted = extractor(content, ["relu1_1"])["relu1_1"]
        torch.testing.assert_close(made, wanted, rtol=1e-5, atol=1e-5)
