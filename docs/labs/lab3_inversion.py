# %% [markdown]
# # Lab 3: inversion and texture
#
# **You will be able to** find out what a layer keeps of a picture, rebuild content and style separately, and
# say why deep layers suit content and many layers style: the figures of Gatys et al. (2016).
#
# Time: less than a minute to run, an hour with the exercise. Nothing to download.

# %%
# %matplotlib inline
import torch

import styletransfer as st
from styletransfer import functional, labs, plotting, samples

EDGE = 128  # pixels of the longer side: less is faster
STEPS = 60
content = st.load_image(samples.draw("harbour", long_edge=EDGE))
style = st.load_image(samples.draw("mosaic", long_edge=EDGE))
extractor = st.create_extractor("vgg19-lite")

# %% [markdown]
# ## Theory
#
# What does a layer know? Look for a picture that it cannot tell from the original (Mahendran and Vedaldi 2015):
#
# $$ x^* = \arg\min_x \; \lVert F^l(x) - F^l(p) \rVert^2 . $$
#
# Whatever the layer does not keep stays as it was in the start. Starting from grey, it is missing; starting
# from noise, it is noise. For a texture, Gram matrices take the place of features (Gatys et al. 2015): places
# are free, statistics are not.

# %% [markdown]
# ## By hand


# %%
def invert(features_of, target, start, steps, learning_rate):
    """Return a picture in [0, 1] whose features are near the target, found by Adam from a copy of start."""
    raise NotImplementedError


# %%
labs.check("invert", invert)

# %% [markdown]
# What each layer keeps of the content. From which layer on do edges soften, from which are colours lost?

# %%
grey = torch.full_like(content, 0.5)
kept = {}
for layer in ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"):
    with torch.no_grad():
        target = extractor(content, [layer])[layer]
    kept[layer] = invert(lambda x, k=layer: extractor(x, [k])[k], target, grey, STEPS, 0.03)
plotting.pictures({"content": content, **kept})

# %% [markdown]
# And of a style, with one layer more each time: from grains to strokes to shapes. The start is coarse noise:
# fine noise would hardly move where deep layers do not see it.

# %%
taken, textures = [], {}
coarse = torch.rand(1, 3, EDGE // 4, EDGE // 4, generator=torch.Generator().manual_seed(0))
clouds = torch.nn.functional.interpolate(coarse, style.shape[2:], mode="bilinear", align_corners=False)
for layer in ("relu1_1", "relu2_1", "relu3_1", "relu4_1"):
    taken.append(layer)
    with torch.no_grad():
        sizes = {k: functional.gram_matrix(f).norm() for k, f in extractor(style, taken).items()}

    def grams(x, sizes=sizes):
        # Each layer counts alike: its Gram matrix is divided by the length of the style's.
        seen = extractor(x, list(sizes))
        return torch.cat([functional.gram_matrix(seen[k]).flatten() / size for k, size in sizes.items()])

    textures[f"up to {layer}"] = invert(grams, grams(style).detach(), clouds, 3 * STEPS, 0.02)
plotting.pictures({"style": style, **textures})

# %% [markdown]
# ## With the library
#
# `st.explain` inverts all five layers of any result, and shows where content changed and style was gained.

# %%
result = st.stylize(content, style)
told = st.explain(result.image, content, style, inversion_steps=STEPS // 3, long_edge=EDGE)
for layer in told.layers:
    print(f"{layer.layer}: Gram distance {layer.gram_before:.2f} to {layer.gram_after:.2f}")

# %%
told.figure()

# %% [markdown]
# ## Stretch
#
# Start the inversion of relu5_1 from another photograph in place of grey. What of it stays? Why is this called
# a null space?

# %%
with torch.no_grad():
    target = extractor(content, ["relu5_1"])["relu5_1"]
other = st.load_image(samples.draw("valley", long_edge=EDGE))
height, width = content.shape[2:]
start = torch.nn.functional.interpolate(other, (height, width), mode="bilinear", align_corners=False)
plotting.pictures(
    {"start": start, "after": invert(lambda x: extractor(x, ["relu5_1"])["relu5_1"], target, start, STEPS, 0.03)}
)
