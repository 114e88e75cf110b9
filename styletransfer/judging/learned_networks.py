"""The networks of the learned metrics, run by the packages that the literature uses, and the distance of two sets.

LPIPS is the package `lpips`, FID's Inception is that of `torch-fidelity` (exactly TensorFlow's), and ArtFID's is
torchvision's Inception, which equals the one in `art-fid`; that package itself demands numpy below 2.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from styletransfer.features import pick_device
from styletransfer.weights import store
from styletransfer.weights.tensor_files import open_tensors


def lpips_distance(device: str | None = None) -> Callable[[Tensor, Tensor], float]:
    """Return LPIPS 0.1 with AlexNet, as a function of two pictures (1, 3, H, W) in [0, 1].

    Raises:
        WeightsError: Weights that cannot be fetched or are damaged.
    """
    backbone = store.fetch("alexnet")
    store.fetch("lpips-alex")  # the package reads it by itself
    import lpips

    target = pick_device(device)
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # it calls torchvision by names of the past
        network = lpips.LPIPS(net="alex", version="0.1", pnet_rand=True, verbose=False)
    _load(network.net, backbone, "alexnet", _alexnet_name)
    network.to(target)

    @torch.no_grad()
    def distance(first: Tensor, second: Tensor) -> float:
        return float(network(first.to(target), second.to(target), normalize=True))

    return distance


def fid_features(device: str | None = None) -> Callable[[Tensor], Tensor]:
    """Return TensorFlow's Inception of 2015: pictures (B, 3, H, W) in [0, 1] to features (B, 2048).

    Raises:
        WeightsError: Weights that cannot be fetched or are damaged.
    """
    path = store.fetch("inception-fid")
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    target = pick_device(device)
    with torch.random.fork_rng(devices=[]):
        network = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=str(path))
    network.to(target)

    @torch.no_grad()
    def features(images: Tensor) -> Tensor:
        result: Tensor = network((images.to(target) * 255).round().to(torch.uint8))[0]
        return result.cpu().double()

    return features


def art_features(device: str | None = None) -> Callable[[Tensor], Tensor]:
    """Return ArtFID's Inception, trained on paintings: pictures (B, 3, H, W) in [0, 1] to features (B, 2048).

    Pictures go in at their own size and are not normalised, as in `art-fid`.

    Raises:
        WeightsError: Weights that cannot be fetched or are damaged.
    """
    path = store.fetch("art-inception")
    from torchvision.models import Inception3

    target = pick_device(device)
    with torch.random.fork_rng(devices=[]):
        network = Inception3(aux_logits=False, transform_input=False, init_weights=False)
    network.fc = nn.Identity()
    _load(network, path, "art-inception", lambda name: name)
    network.to(target).eval()

    @torch.no_grad()
    def features(images: Tensor) -> Tensor:
        result: Tensor = network(images.to(target))
        return result.cpu().double()

    return features


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """Return the squared Fréchet distance of the Gaussians fitted to two sets of features, (N, D) and (M, D).

    ``|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))``, Heusel et al. 2017, equation 6. With ``S = A^T A``, the trace
    of the root is the sum of the singular values of ``A1 A2^T``. So no root of a singular matrix is taken, and no
    small number is added to it, when there are fewer pictures than features.
    """
    centred = [(x - x.mean(0)).double() / (len(x) - 1) ** 0.5 for x in (first, second)]
    roots = [torch.linalg.qr(x, mode="r").R for x in centred]  # (min(N, D), D): the same S = R^T R
    common = torch.linalg.svdvals(roots[0] @ roots[1].T).sum()
    apart = (first.mean(0) - second.mean(0)).double().square().sum()
    return max(0.0, float(apart + sum(x.square().sum() for x in centred) - 2 * common))


#: For each metric that compares sets, its network.
FEATURES: Mapping[str, Callable[[str | None], Callable[[Tensor], Tensor]]] = {
    "fid": fid_features,
    "artfid": art_features,
}


def _load(network: nn.Module, path: Path, owner: str, source_name: Callable[[str], str]) -> None:
    """Fill a network with the tensors of a checked file."""
    names = {name: source_name(name) for name in network.state_dict() if not name.endswith("num_batches_tracked")}
    wanted = {names[name]: tuple(x.shape) for name, x in network.state_dict().items() if name in names}
    tensors = open_tensors(path).read(wanted, owner)
    network.load_state_dict({name: tensors[source] for name, source in names.items()}, strict=False)


def _alexnet_name(name: str) -> str:
    """Return torchvision's name of a tensor of lpips: ``slice2.3.weight`` is ``features.3.weight``."""
    return "features." + name.split(".", 1)[1]
