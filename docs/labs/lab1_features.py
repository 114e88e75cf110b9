# %% [markdown]
# # Lab 1: looking into VGG-19
#
# **You will be able to** name the layers of VGG-19, tell their shapes and receptive fields, read features out
# of a network without losing them to an in-place operation, and say what early and late layers react to.
#
# Time: less than a minute to run, an hour with the exercises. Nothing to download.

# %%
# %matplotlib inline
import torch

import styletransfer as st
from styletransfer import labs, plotting, samples

EDGE = 256  # pixels of the longer side: less is faster
content = st.load_image(samples.draw("harbour", long_edge=EDGE))
extractor = st.create_extractor("vgg19-lite")

# %% [markdown]
# ## Theory
#
# VGG-19 (Simonyan and Zisserman 2015, column E) is sixteen 3x3 convolutions in five blocks, each followed by a
# ReLU, with a 2x2 pooling between blocks. Gatys et al. name a layer by block and number: `conv4_2` is what the
# second convolution of block 4 gives, `relu4_2` the same after the ReLU. Papers often write conv4_2 and mean
# relu4_2.
#
# Each pooling halves height and width, so block $b$ has a *stride* of $2^{b-1}$ pixels. What one number sees of
# the picture is its *receptive field*. It grows by $(k - 1)$ times the distance of neighbours with each layer
# of kernel $k$, and that distance is the product of the strides so far:
#
# $$ r_{n} = r_{n-1} + (k_n - 1)\, d_{n-1}, \qquad d_n = d_{n-1}\, s_n, \qquad r_0 = d_0 = 1. $$

# %%
for layer in ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1"):
    print(layer, tuple(extractor(content, [layer])[layer].shape))

# %%
plotting.receptive_fields(content, ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"])

# %% [markdown]
# ## By hand: the receptive field


# %%
def receptive_field(layers):
    """Return how many pixels one feature sees along a side; layers are (kernel, stride) in their order."""
    raise NotImplementedError


# %%
labs.check("receptive_field", receptive_field)

# %% [markdown]
# ## By hand: reading features
#
# A network is a list of layers; each takes what the one before it gave. To keep the output of some of them is
# easy, and there is a trap: torchvision's VGG-19 has `nn.ReLU(inplace=True)`, which overwrites its input.
# Whoever keeps conv4_2 there without a copy holds relu4_2 a moment later, and many published implementations
# do.


# %%
def collect(layers, pictures, wanted):
    """Return {index: output} for the wanted indices of a list of layers, counted from 0."""
    raise NotImplementedError


# %%
labs.check("collect", collect)

# %% [markdown]
# ## With the library
#
# `extractor(pictures, layers)` does the same by name, stops after the last layer wanted, and copies nothing:
# its ReLUs are not in place.
#
# What do layers react to? Below, the channels of two layers that differ most over the picture. A map has no
# colours of its own: it is bright where its channel responds, each on its own scale. Early channels respond to
# edges of one direction, or to one brightness or colour, and do so exactly where it is in the picture. Which
# channel of relu1_1 responds to the sky, which to upright edges? Deep ones respond in few and coarse places, to
# shapes.

# %%
plotting.feature_maps(extractor(content, ["relu1_1"])["relu1_1"], count=9, title="relu1_1")

# %%
plotting.feature_maps(extractor(content, ["relu4_1"])["relu4_1"], count=9, title="relu4_1")

# %% [markdown]
# ## Stretch
#
# `vgg19-lite` has all channels of VGG-19 in low rank. Is what it sees what VGG-19 sees? Install the full
# network (`python -m pip install "styletransfer-toolkit[vgg19]"`) and compare the features of both layer by
# layer, as a relative distance.

# %%
with torch.no_grad():
    shifted = extractor(content.roll(8, dims=3), ["relu4_1"])["relu4_1"]
    moved = extractor(content, ["relu4_1"])["relu4_1"].roll(1, dims=3)
print("a picture moved by 8 pixels moves relu4_1 by 1:", float((shifted - moved)[..., 8:-8].abs().mean()))
