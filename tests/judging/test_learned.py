"""LPIPS, FID and ArtFID with random weights of the published shapes: formulas, conventions, what is refused."""

from __future__ import annotations

import dataclasses
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import scipy.linalg
import torch
from torch import Tensor, nn
from torchvision.models import Inception3, alexnet

from styletransfer.errors import ImageError, OptionError, WeightsError
from styletransfer.images import resize, save_image
from styletransfer.judging import learned
from styletransfer.judging.learned import METRICS, measure
from styletransfer.judging.learned_networks import art_features, fid_features, frechet_distance
from styletransfer.weights import catalogue, store
from styletransfer.weights.tensor_files import read_tensors

needs_lpips = pytest.mark.skipif(not importlib.util.find_spec("lpips"), reason="extra [metrics]: lpips is absent")
needs_fidelity = pytest.mark.skipif(
    not importlib.util.find_spec("torch_fidelity"), reason="extra [metrics]: torch-fidelity is absent"
)


def spread(network: nn.Module) -> dict[str, Tensor]:
    """Random weights that let features follow the picture through many layers, at half precision."""
    for part in network.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight)
    return {name: x.half() if x.is_floating_point() else x for name, x in network.state_dict().items()}


def random_alexnet() -> dict[str, Tensor]:
    return {f"features.{name}": x for name, x in spread(alexnet(weights=None).features).items()} | {
        "classifier.6.bias": torch.zeros(1000)
    }


def random_inception() -> dict[str, Tensor]:
    network = Inception3(aux_logits=False, init_weights=False)
    network.fc = nn.Identity()
    return spread(network) | {"AuxLogits1.conv0.bn.weight": torch.ones(128)}  # the file has more than is used


def random_fid_inception() -> dict[str, Tensor]:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Blank(FeatureExtractorInceptionV3):
        def load_state_dict(self, state: Any, *args: Any, **kwargs: Any) -> Any:
            return None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.load", lambda *args, **kwargs: None)
        return spread(Blank("inception", ["2048"], feature_extractor_weights_path="none"))


MAKE = {"alexnet": random_alexnet, "art-inception": random_inception, "inception-fid": random_fid_inception}


@pytest.fixture(scope="session")
def random_files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("networks")

    def make(name: str) -> Path:
        path = folder / f"{name}.pth"
        if not path.exists():
            torch.save(MAKE[name](), path)
        return path

    return make


@pytest.fixture
def put(
    random_files: Callable[[str], Path], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., catalogue.WeightFile]:
    """``put(name)`` publishes random weights under that name and, without an `url`, puts them into the cache."""

    def make(name: str, url: str | None = None) -> catalogue.WeightFile:
        path = random_files(name)
        made = {"url": url or "http://127.0.0.1:9/none", "sha256": store.sha256_of(path)}
        file = dataclasses.replace(catalogue.CATALOGUE[name], size=path.stat().st_size, about=None, **made)
        monkeypatch.setattr(catalogue, "CATALOGUE", {**catalogue.CATALOGUE, name: file})
        if url is None:
            cache.mkdir(exist_ok=True)
            store.location(file).hardlink_to(path)
        return file

    return make


def pictures(count: int, side: int = 80) -> list[Tensor]:
    coarse = torch.rand(count, 3, 8, 8)
    return list(nn.functional.interpolate(coarse, (side, side + 6), mode="bilinear").split(1))


def test_declarations_name_their_files_and_need_no_torch() -> None:
    assert METRICS["fid"].label == "fid (inception-fid 6726825d)"
    assert METRICS["artfid"].label == "artfid (alexnet 7be5be79, lpips-alex df73285e, art-inception 5bc1c203)"
    code = "import sys; from styletransfer.judging import learned; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_unknown_metrics_and_absent_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match=r"Unknown metric 'art-fid'\. Did you mean \"artfid\"\?"):
        learned.require(["art-fid"])
    monkeypatch.setattr(learned, "find_spec", lambda name: None)
    command = r'pip install "styletransfer-toolkit\[metrics\]"'
    with pytest.raises(OptionError, match=rf"'fid' needs the package torch-fidelity, .*{command}"):
        measure(["fid"], [], [], [])


def test_distance_of_gaussians_worked_out_by_hand() -> None:
    # Mean 0 and 3, variance 2 and 8: 3^2 + (sqrt 2 - sqrt 8)^2. The second column: equal, and moved by 1.
    one = torch.tensor([[-1.0, 5.0], [1.0, 5.0]])
    other = torch.tensor([[1.0, 6.0], [5.0, 6.0]])
    assert frechet_distance(one, other) == pytest.approx(9 + 2 + 1, abs=1e-12)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("first", "second", "size"), [(40, 30, 6), (5, 9, 12)]
)  # more and fewer rows than columns
def test_distance_equals_the_formula_with_a_root_of_a_matrix(first: int, second: int, size: int) -> None:
    sets = [torch.randn(n, size).double() @ torch.randn(size, size).double() + n for n in (first, second)]
    means, covariances = [x.mean(0) for x in sets], [torch.cov(x.T) for x in sets]
    roots = [torch.as_tensor(scipy.linalg.sqrtm(x.numpy())).real for x in covariances]
    # tr (S1 S2)^(1/2) is the nuclear norm of S1^(1/2) S2^(1/2).
    common = torch.linalg.matrix_norm(roots[0] @ roots[1], "nuc")
    wanted = (means[0] - means[1]).square().sum() + sum(x.trace() for x in covariances) - 2 * common
    assert frechet_distance(*sets) == pytest.approx(float(wanted), rel=1e-5)


@needs_fidelity
def test_distance_equals_that_of_torch_fidelity() -> None:
    from torch_fidelity import metric_fid

    sets = [torch.randn(50, 7).double() * (1 + n) for n in range(2)]
    statistics = [metric_fid.fid_features_to_statistics(x) for x in sets]
    wanted = metric_fid.fid_statistics_to_metric(*statistics, verbose=False)[metric_fid.KEY_METRIC_FID]
    assert frechet_distance(*sets) == pytest.approx(wanted, rel=1e-9)


@needs_lpips
def test_lpips_is_the_published_formula(put: Callable[..., Any], random_files: Callable[[str], Path]) -> None:
    put("alexnet")
    first, second = pictures(2)
    before = torch.get_rng_state()
    score = measure(["lpips"], [first, first], [second, first], [second, second], device="cpu")["lpips"]
    assert torch.equal(torch.get_rng_state(), before)
    assert score.each[1] == 0
    assert score.value == sum(score.each) / 2
    assert score.fid is None
    linear = read_tensors(store.fetch("lpips-alex"))[0]
    network = alexnet(weights=None).features
    network.load_state_dict({
        name.removeprefix("features."): x
        for name, x in torch.load(random_files("alexnet"), weights_only=True).items() if "features" in name
    })  # fmt: skip
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 1, 3, 1, 1)
    x, wanted, taken = (torch.cat([first, second]) - mean) / std, 0.0, 0
    with torch.no_grad():
        for layer in network:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                unit = x / x.norm(dim=1, keepdim=True)
                difference = (unit[0] - unit[1]).square().mean(dim=(1, 2))
                wanted += float(difference @ linear[f"lin{taken}.model.1.weight"].flatten())
                taken += 1
    assert taken == 5
    assert wanted > 1e-3
    assert score.each[0] == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize(("name", "size"), [("fid", (600, 700)), ("artfid", (512, 597)), ("lpips", (512, 597))])
def test_larger_pictures_are_reduced_as_in_styleid_s_script(name: str, size: tuple[int, int]) -> None:
    sizes = []

    def network(images: Tensor) -> Tensor:
        sizes.append(tuple(images.shape[2:]))
        return images.mean((2, 3))

    learned._features(network, METRICS[name], [torch.rand(1, 3, 600, 700)], lambda: None)
    assert sizes == [size]


@needs_fidelity
def test_fid_of_sets(put: Callable[..., Any]) -> None:
    put("inception-fid")
    stylized, styles = pictures(3), pictures(2)
    assert measure(["fid"], stylized[:2], stylized[:2], stylized[1::-1])["fid"].value < 1e-8
    repeated = [*styles, styles[0]]
    score = measure(["fid"], stylized, stylized, repeated)["fid"]
    network = fid_features("cpu")
    files = [(x * 255).round() / 255 for x in stylized]  # what a PNG file would hold
    first, [a, b] = torch.cat([network(x) for x in files]), [network(x) for x in styles]
    assert first.shape == (3, 2048)
    assert score.value == score.fid == pytest.approx(frechet_distance(first, torch.cat([a, b, a])))
    assert score.value > 1e-3
    assert (score.pictures, score.styles, score.each) == (3, 2, ())


@needs_lpips
def test_artfid_is_the_product_and_reads_each_style_once(put: Callable[..., Any], tmp_path: Path) -> None:
    put("alexnet")
    put("art-inception")
    stylized, contents, files = pictures(4), pictures(4), [tmp_path / f"{n}.png" for n in range(2)]
    for picture, file in zip(pictures(2, side=100), files, strict=True):  # styles may have another size
        save_image(picture, file)
    steps: list[tuple[int, int]] = []
    scores = measure(
        ["lpips", "artfid"], stylized, contents, [*files, *files], device="cpu",
        progress=lambda *step: steps.append(step),
    )  # fmt: skip
    lpips, artfid = scores["lpips"], scores["artfid"]
    assert steps == [(n, 10) for n in range(1, 11)]  # 4 pairs, 4 stylized pictures, 2 styles
    assert artfid.each == lpips.each
    assert artfid.fid is not None
    assert artfid.fid > 1e-3
    assert artfid.value == pytest.approx((1 + lpips.value) * (1 + artfid.fid))
    untouched = measure(["artfid"], stylized, contents, stylized, device="cpu")["artfid"]
    assert untouched.value == pytest.approx(1 + lpips.value, rel=1e-6)


@needs_lpips
def test_lpips_reduces_the_larger_picture_to_the_other(put: Callable[..., Any]) -> None:
    put("alexnet")
    [content] = pictures(1, side=122)  # 122x128
    result = resize(content, (61, 64))
    [alone, turned] = (
        measure(["lpips"], [x], [y], [x])["lpips"].value for x, y in ((result, content), (content, result))
    )
    assert alone == pytest.approx(turned)
    assert alone < 0.1 * measure(["lpips"], [result], [1 - content], [result])["lpips"].value


@needs_lpips
def test_what_is_refused(put: Callable[..., Any], tmp_path: Path) -> None:
    put("alexnet")
    put("art-inception")
    one, two = pictures(2)
    with pytest.raises(OptionError, match="Got 2 stylized, 1 content and 2 style pictures; give one content and"):
        measure(["lpips"], [one, two], [one], [one, one])
    with pytest.raises(OptionError, match="Got 1 stylized pictures; the metrics asked for need at least 2"):
        measure(["artfid"], [one], [one], [one])
    path = tmp_path / "wide.png"
    save_image(one[..., :-8], path)
    with pytest.raises(
        ImageError, match=r'wide\.png" and its content A picture \(Tensor\) have different shapes: 80x78 a'
    ):
        measure(["lpips"], [path], [one], [one])
    with pytest.raises(ImageError, match=r"holds 1 picture\(s\) of 70x76 pixels .*; ArtFID reads one at a time"):
        measure(["artfid"], pictures(2, side=70), pictures(2, side=70), [one, two])
    with pytest.raises(ImageError, match="does not exist"):
        measure(["lpips"], [tmp_path / "none.png"], [one], [one])


def test_a_download_is_checked_before_it_is_used(
    put: Callable[..., Any], random_files: Callable[[str], Path], serve: Callable[..., str], cache: Path
) -> None:
    body = random_files("art-inception").read_bytes()
    put("art-inception", url=serve("/art.pth", body[:-1] + b"x"))
    with pytest.raises(WeightsError, match=r"which is not 'art-inception'; it was thrown away\. To do it"):
        art_features("cpu")
    assert list(cache.iterdir()) == []
    put("art-inception", url=serve("/art.pth", body))
    assert art_features("cpu")(torch.rand(2, 3, 75, 90)).shape == (2, 2048)
    (cache / "art_inception.pth").write_bytes(body[:-1] + b"x")
    with pytest.raises(WeightsError, match=r"is damaged.*weights fetch art-inception --force"):
        art_features("cpu")
