from __future__ import annotations

import multiprocessing
import pickle
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import tv_tensors
from torchvision.transforms import v2

import styletransfer as st
from styletransfer import samples
from styletransfer.batching import restyling
from styletransfer.errors import ImageError, OptionError, StyleTransferError

pytestmark = pytest.mark.usefixtures("one_thread")
QUICK: dict[str, Any] = {"decoder": "fast", "device": "cpu", "long_edge": 48}
STYLES = ["night", "mosaic", "woodcut"]


@pytest.fixture(autouse=True)
def _handler_of_dead_children() -> Iterator[None]:
    """Take out what a DataLoader leaves behind: a handler that raises wherever the program is at the time."""
    before = signal.getsignal(signal.SIGCHLD) if hasattr(signal, "SIGCHLD") else None
    yield
    if before is not None:
        signal.signal(signal.SIGCHLD, before)


def pictures(count: int = 6) -> list[tuple[Image.Image, int]]:
    drawing = samples.draw("harbour", long_edge=96)
    return [(drawing.crop((i, i, i + 40, i + 32)), i) for i in range(count)]


def tensors(count: int = 6) -> list[tuple[torch.Tensor, int]]:
    return [(st.load_image(picture)[0], label) for picture, label in pictures(count)]


def dataset(items: Any = None, **options: Any) -> st.StylizedDataset:
    return st.StylizedDataset(pictures() if items is None else items, STYLES, **{**QUICK, **options})


def test_pictures_are_those_of_stylize_and_labels_stay() -> None:
    made = dataset()
    assert len(made) == 6
    picture, label = made[2]
    assert label == 2
    singles = [st.stylize(pictures()[2][0], style, **QUICK).to_pil().tobytes() for style in STYLES]
    assert picture.tobytes() in singles
    assert made[-4][0].tobytes() == picture.tobytes()


def test_styles_depend_on_seed_epoch_and_number_alone() -> None:
    def drawn(**options: Any) -> list[bytes]:
        return [dataset(**options)[i][0].tobytes() for i in range(6)]

    assert drawn() == drawn()
    assert drawn() != drawn(seed=1)
    made = dataset()
    made.set_epoch(1)
    assert [made[i][0].tobytes() for i in range(6)] != drawn()


def test_a_share_is_repainted() -> None:
    same = [
        dataset(probability=0.5, seed=s)[i][0].tobytes() == pictures()[i][0].tobytes()
        for s in (0, 1)
        for i in range(6)
    ]
    assert 0 < sum(same) < 12
    assert dataset(probability=0.0)[0][0].tobytes() == pictures()[0][0].tobytes()


@pytest.mark.parametrize("kind", ["pil", "transparent", "array", "float array", "float", "uint8", "batch"])
def test_pictures_keep_their_type(kind: str) -> None:
    picture = pictures()[0][0]
    transparent = picture.convert("RGBA")
    transparent.putalpha(77)
    tensor = st.load_image(picture)
    given: Any = {
        "pil": picture,
        "transparent": transparent,
        "array": np.asarray(picture),
        "float array": np.asarray(picture, dtype=np.float32) / 255,
        "float": tensor[0],
        "uint8": (tensor[0] * 255).byte(),
        "batch": tensor.repeat(2, 1, 1, 1),
    }[kind]
    made = dataset([given])[0]
    assert type(made) is type(given)
    for name in ("shape", "dtype", "size", "mode"):
        if not callable(getattr(given, name, None)):
            assert getattr(made, name, None) == getattr(given, name, None)
    if kind == "transparent":
        assert made.getchannel("A").tobytes() == transparent.getchannel("A").tobytes()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_give_the_same_pictures(workers: int, method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("not on this system")
    if (method, workers) == ("spawn", 2):
        pytest.skip("as with one")
    made = dataset(tensors(4), device=None)
    here = [dataset(tensors(4))[i][0] for i in range(4)]
    made[0]  # a network of this process, which the workers must not use
    loader = DataLoader(made, batch_size=2, num_workers=workers, multiprocessing_context=method)
    there = torch.cat([batch for batch, _ in loader])
    torch.testing.assert_close(there, torch.stack(here), rtol=0, atol=1e-5)


def test_it_is_sent_without_its_network() -> None:
    made = dataset()
    before = len(pickle.dumps(made))
    made[0]
    assert len(pickle.dumps(made)) == before
    assert pickle.loads(pickle.dumps(made))[1][0].tobytes() == made[1][0].tobytes()


def test_a_cache_is_filled_once_and_read_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = [dataset(tensors(), cache=tmp_path / "kept")[i][0] for i in range(3)]
    files = sorted((tmp_path / "kept").rglob("*.png"))
    assert len(files) == 3
    plain = [dataset(tensors())[i][0] for i in range(3)]
    torch.testing.assert_close(torch.stack(first), torch.stack(plain), rtol=0, atol=0.5 / 255 + 1e-5)

    def painting(*_: object) -> None:
        pytest.fail("it was painted again")

    monkeypatch.setattr(restyling.Restyler, "_new", painting)
    again = [dataset(tensors(), cache=tmp_path / "kept")[i][0] for i in range(3)]
    assert all(torch.equal(*pair) for pair in zip(first, again, strict=True))
    monkeypatch.undo()
    dataset(tensors(), cache=tmp_path / "kept", strength=0.5)[0]
    assert len(list((tmp_path / "kept").rglob("*.png"))) == 4


def test_a_damaged_file_of_the_cache_is_made_again(tmp_path: Path) -> None:
    first = dataset(tensors(), cache=tmp_path / "kept")[0][0]
    (file,) = (tmp_path / "kept").rglob("*.png")
    file.write_bytes(b"damaged")
    assert torch.equal(dataset(tensors(), cache=tmp_path / "kept")[0][0], first)


def test_cuda_in_a_forked_process_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(multiprocessing.context, "ForkProcess"):
        pytest.skip("not on this system")
    child = multiprocessing.context.ForkProcess()
    monkeypatch.setattr(restyling.multiprocessing, "current_process", lambda: child)
    with pytest.raises(OptionError, match='use num_workers=0, multiprocessing_context="spawn", or device="cpu"'):
        dataset(device="cuda")[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pictures": iter([])}, "pictures must be a dataset or a list, .* got a list_iterator"),
        ({"styles": "mosiac"}, 'Did you mean "mosaic"'),
        ({"method": "none"}, "Unknown method"),
        ({"alhpa": 1}, "no option 'alhpa'"),
        ({"probability": 2}, "probability must be in"),
        ({"strength": -1}, "strength must be in"),
        ({"seed": -1}, "seed must be a whole number"),
    ],
)
def test_bad_requests_are_refused_at_once(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(StyleTransferError, match=message):
        st.StylizedDataset(**{"pictures": pictures(), "styles": STYLES, **arguments})


def test_an_item_that_is_no_picture_is_refused() -> None:
    with pytest.raises(ImageError, match="must be a PIL image, an array or a tensor, got a str"):
        dataset(["a.jpg"])[0]


class TestTransform:
    def test_it_stands_among_other_transforms(self) -> None:
        pipeline = v2.Compose(
            [v2.ToImage(), st.RandomStyle(STYLES, probability=1.0, **QUICK), v2.ToDtype(torch.float32, scale=True)]
        )
        picture, label = pipeline(pictures()[0][0], 3)
        assert (tuple(picture.shape), picture.dtype, label) == ((3, 32, 40), torch.float32, 3)
        assert isinstance(picture, tv_tensors.Image)

    def test_what_belongs_to_a_picture_stays(self) -> None:
        image = tv_tensors.Image((tensors()[0][0] * 255).byte())
        boxes = tv_tensors.BoundingBoxes(torch.tensor([[1, 2, 9, 9]]), format="XYXY", canvas_size=(32, 40))
        mask = tv_tensors.Mask(torch.ones(1, 32, 40, dtype=torch.bool))
        made = st.RandomStyle(STYLES, probability=1.0, **QUICK)({"image": image, "boxes": boxes, "mask": mask})
        assert not torch.equal(made["image"], image)
        assert torch.equal(made["boxes"], boxes)
        assert torch.equal(made["mask"], mask)

    def test_it_draws_as_torch_does(self) -> None:
        transform = st.RandomStyle(STYLES, probability=0.7, **QUICK)

        def drawn(seed: int) -> list[bytes]:
            torch.manual_seed(seed)
            return [transform(pictures()[0][0]).tobytes() for _ in range(6)]

        assert drawn(1) == drawn(1)
        assert 1 < len(set(drawn(1) + drawn(2))) <= 4

    def test_it_is_sent_and_shown(self) -> None:
        transform = st.RandomStyle(STYLES, **QUICK)
        transform(pictures()[0][0])
        assert repr(pickle.loads(pickle.dumps(transform))) == "RandomStyle(styles=3, probability=0.5)"

    def test_older_torchvision_calls_it_by_other_names(self) -> None:
        transform = st.RandomStyle(STYLES, probability=1.0, **QUICK)
        params = transform._get_params([])
        assert transform._transform(pictures()[0][0], params).size == (40, 32)
