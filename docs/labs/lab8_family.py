# %% [markdown]
# # Lab 8: the family tree
#
# **You will be able to** write two relatives of AdaIN, whitening and colouring and style swap, say what each
# keeps of a style, and fill in the table flexibility, speed, limits with your own measurements.
#
# Time: less than a minute to run, one and a half hours with the exercises. Nothing to download.

# %%
# %matplotlib inline
import time

import torch

import styletransfer as st
from styletransfer import functional, labs, plotting, samples

EDGE = 128  # pixels of the longer side: less is faster
STEPS = 40
content = st.load_image(samples.draw("harbour", long_edge=EDGE))
style = st.load_image(samples.draw("mosaic", long_edge=EDGE))
extractor = st.create_extractor("vgg19-lite")

# %% [markdown]
# ## Theory
#
# All feed-forward methods for any style change features between an encoder and a decoder. They differ in what
# they take from the style.
#
# *AdaIN* (2017): mean and deviation of each channel. *Whitening and colouring* (Li et al. 2017): the whole
# covariance $\Sigma$,
#
# $$ \hat{F}_c = \Sigma_s^{1/2}\, \Sigma_c^{-1/2}\, (F_c - \mu_c) + \mu_s . $$
#
# *Style swap* (Chen and Schmidt 2016): patches. Each patch of the content's features is replaced by the style's
# nearest, by the cosine of the angle between them; where patches overlap, their mean is taken. No statistic is
# left, real pieces of the style are.

# %% [markdown]
# ## By hand: whitening


# %%
def whiten(features):
    """Give the channels of features (B, C, H, W) mean 0 and the identity as covariance, picture by picture."""
    raise NotImplementedError


# %%
labs.check("whiten", whiten)

# %% [markdown]
# ## By hand: style swap
#
# Two convolutions do it: one with the normalised patches of the style as kernels finds the nearest, one
# transposed puts the patches down.


# %%
def swap(content_features, style_features):
    """Replace each 3x3 patch of content features (1, C, H, W) by the style's nearest, mean where they overlap."""
    raise NotImplementedError


# %%
labs.check("swap", swap)

# %% [markdown]
# What do the three make of the same features? There is no decoder for two of them yet, so we look for pictures
# with the transformed features, as in lab 3.

# %%
layer = "relu3_1"
with torch.no_grad():
    own, wanted = (extractor(x, [layer])[layer] for x in (content, style))
    rows = wanted.flatten(2)
    values, vectors = torch.linalg.eigh(torch.cov(rows[0])[None])
    root = (vectors * values.clamp_min(0).sqrt()[:, None]) @ vectors.mT
    targets = {
        "AdaIN": functional.adain(own, wanted),
        "whitening and colouring": (root @ whiten(own).flatten(2)).view(own.shape)
        + wanted.mean((2, 3), keepdim=True),
        "style swap": swap(own, wanted),
    }


def decoded(target):
    picture = content.clone().requires_grad_()
    optimizer = torch.optim.Adam([picture], lr=0.03)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = (extractor(picture, [layer])[layer] - target).square().mean() / target.var()
        (loss + 0.5 * functional.total_variation(picture).mean()).backward()
        optimizer.step()
        with torch.no_grad():
            picture.clamp_(0, 1)
    return picture.detach()


plotting.pictures({"content": content, "style": style, **{name: decoded(t) for name, t in targets.items()}})

# %% [markdown]
# ## With the library
#
# `adain` aligns covariances with its own decoder (`alignment="covariance"`, the default of the embedded one) or
# channels alone, as the paper; `gatys` is the other end of the tree.

# %%
rows = {}
for name, options in {
    "gatys": {"method": "gatys", "steps": STEPS},
    "adain, channels": {"method": "adain", "alignment": "channels"},
    "adain, covariance": {"method": "adain", "alignment": "covariance"},
}.items():
    began = time.perf_counter()
    result = st.stylize(content, style, **options)
    seconds = time.perf_counter() - began
    judged = st.evaluate(result, content, style, judge="vgg19-lite-1")
    rows[name] = result
    print(f"{name:18} {seconds:5.1f} s  style ratio {judged.style_ratio:.2f}  content {judged.content:.2f}")

# %%
plotting.pictures(rows)

# %% [markdown]
# | family | styles | training | seconds a picture | limits |
# |---|---|---|---|---|
# | optimisation (Gatys) | any | none | yours | yours |
# | one network per style (Johnson) | one | hours each | - | - |
# | statistics (AdaIN) | any | once | yours | yours |
#
# ## Stretch
#
# Fill in the table. Then think of attention (AdaAttN): the style's mean and deviation at each *position*,
# weighted by similarity. What does it become with one style position? With all positions weighted alike?
