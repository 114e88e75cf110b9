# %% [markdown]
# # Lab 7: control
#
# **You will be able to** keep a photograph's colours, give a style a place, mix styles, choose the size of
# strokes, and let strength vary over space and time.
#
# Time: less than a minute to run, an hour with the exercises. Nothing to download.

# %%
# %matplotlib inline
import numpy as np

import styletransfer as st
from styletransfer import functional, labs, plotting, samples

EDGE = 192  # pixels of the longer side: less is faster
content = st.load_image(samples.draw("harbour", long_edge=EDGE))
style = st.load_image(samples.draw("night", long_edge=EDGE))
height, width = content.shape[2:]

# %% [markdown]
# ## Theory
#
# Gatys et al. (2017), "Controlling Perceptual Factors in Neural Style Transfer". *Colour*: brightness carries
# the strokes, so the style is taken for brightness alone, $Y = 0.299 R + 0.587 G + 0.114 B$, and the content's
# chroma $x - Y$ is put back. *Space*: a Gram matrix counts positions by a mask $T$ (section 4):
#
# $$ G_{ij} = \frac{\sum_k T_k F_{ik} F_{jk}}{C \sum_k T_k}. $$

# %% [markdown]
# ## By hand: colours that stay


# %%
def keep_color(content, stylized):
    """Give the content the luminance of the stylized picture and keep its chroma, in [0, 1]."""
    raise NotImplementedError


# %%
labs.check("keep_color", keep_color)

# %% [markdown]
# ## By hand: a Gram matrix with a place


# %%
def guided_gram(features, mask):
    """Return the Gram matrices (B, C, C) of features (B, C, H, W) under a mask (1, 1, H, W)."""
    raise NotImplementedError


# %%
labs.check("guided_gram", guided_gram)

# %% [markdown]
# ## With the library
#
# All controls have one meaning in every method: docs/controls.md.

# %%
plain = st.stylize(content, style)
by_hand = keep_color(content, plain.image)
library = st.stylize(content, style, preserve_color="luminance")
plotting.pictures({"plain": plain, "by hand": by_hand, "library": library})

# %% [markdown]
# They differ a little: the library also makes content and style grey before the network sees them, so that
# strokes follow brightness only.

# %%
sky = np.zeros((height, width), np.float32)
sky[: height // 2] = 1
two = st.stylize(content, ["night", "mosaic"], masks=[sky, 1 - sky], feather=8, long_edge=EDGE)
scales = {f"strokes {s}": st.stylize(content, "night", style_scale=s, long_edge=EDGE) for s in (0.5, 2.0)}
plotting.pictures({"two styles": two, **scales})

# %% [markdown]
# Over time: one strength for each picture of a sequence.

# %%
frames = content.expand(4, -1, -1, -1)
fading = st.stylize(frames, style, strength=[0, 0.33, 0.66, 1]).image
plotting.pictures({f"frame {number}": fading[number : number + 1] for number in range(4)})

# %% [markdown]
# ## Stretch
#
# `st.split_labels` makes masks of a picture of labels. Draw one in a paint program, with a flat colour for each
# style, and paint three styles into your own photograph. Where do seams show, and what does `feather` do to
# them?

# %%
labels = np.ones((height, width), np.uint8)
labels[:, width // 2 :] = 2
halves = st.stylize(content, ["woodcut", "watercolour"], masks=st.split_labels(labels, 2), long_edge=EDGE)
print("colours of the halves:", functional.luminance(halves.image).mean().item())
