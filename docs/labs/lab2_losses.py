# %% [markdown]
# # Lab 2: losses from scratch
#
# **You will be able to** write the content loss, the Gram matrix, channel statistics and total variation, say
# which properties they must have, and find the mistakes that most implementations start with.
#
# Time: less than a minute to run, one and a half hours with the exercises. Nothing to download.

# %%
# %matplotlib inline
import torch

import styletransfer as st
from styletransfer import functional, labs, plotting, samples

EDGE = 192  # pixels of the longer side: less is faster
content = st.load_image(samples.draw("harbour", long_edge=EDGE))
style = st.load_image(samples.draw("night", long_edge=EDGE))
extractor = st.create_extractor("vgg19-lite")

# %% [markdown]
# ## Theory
#
# Gatys, Ecker and Bethge (2016) measure pictures by the features $F^l \in \mathbb{R}^{C_l \times N_l}$ of a
# network, with $C_l$ channels at $N_l = h\,w$ positions. *Content* is where which feature is:
#
# $$ L_\mathrm{content} = \tfrac{1}{C N} \sum_{i,k} (F_{ik} - P_{ik})^2. $$
#
# *Style* is which features go together, wherever that is. The Gram matrix (equation 3) sums positions away:
#
# $$ G_{ij} = \tfrac{1}{C N} \sum_k F_{ik} F_{jk}. $$
#
# The paper divides later, by $4 C^2 N^2$; dividing at once, as Johnson et al. (2016) do, makes pictures of
# different sizes comparable. AdaIN (Huang and Belongie 2017, equations 5 and 6) keeps less: mean and standard
# deviation of each channel. *Total variation* is how much neighbouring pixels differ; it keeps a picture
# smooth.

# %% [markdown]
# ## By hand: the content loss


# %%
def content_loss(features, target):
    """Return the mean squared difference of two tensors of features."""
    raise NotImplementedError


# %%
labs.check("content_loss", content_loss)

# %% [markdown]
# ## By hand: the Gram matrix
#
# Think of each channel as a row: its values at all positions. The classic mistake is a `reshape` that looks
# right and mixes channels with positions: it runs, the loss falls, the picture is wrong. A check finds it:
# where features stand must not matter.


# %%
def gram_matrix(features):
    """Return the Gram matrices (B, C, C) of features (B, C, H, W), divided by C * H * W."""
    raise NotImplementedError


# %%
labs.check("gram_matrix", gram_matrix)

# %% [markdown]
# ## By hand: channel statistics
#
# Add 1e-5 to the variance before the root. Why before? Look at the slope of a root at 0.
#
# The paper's variance divides by the number of positions, $h\,w$. The package divides by $h\,w - 1$, as
# pytorch-AdaIN and `torch.var` do. Both are accepted here: with thousands of positions they hardly
# differ.


# %%
def channel_stats(features):
    """Return mean and standard deviation of each channel, (B, C, 1, 1) each."""
    raise NotImplementedError


# %%
labs.check("channel_stats", channel_stats)

# %% [markdown]
# ## By hand: total variation


# %%
def total_variation(pictures):
    """Return the mean absolute difference of neighbouring pixels, (B,): the mean of both directions."""
    raise NotImplementedError


# %%
labs.check("total_variation", total_variation)

# %% [markdown]
# ## With the library
#
# `functional` has all four. They agree with yours:

# %%
layers = ["relu1_1", "relu2_1", "relu3_1"]
seen = {name: extractor(picture, layers) for name, picture in (("content", content), ("style", style))}
for layer in layers:
    own, library = gram_matrix(seen["style"][layer]), functional.gram_matrix(seen["style"][layer])
    print(layer, "largest difference:", float((own - library).abs().max()))

# %% [markdown]
# What does a Gram matrix look like? Rows and columns are channels, in both maps in the order of their strength in
# the content. Two pictures of one scene have matrices that look alike; a painting's differs.

# %%
plotting.gram_maps({f"{name}, relu2_1": functional.gram_matrix(f["relu2_1"]) for name, f in seen.items()})

# %% [markdown]
# ## Stretch
#
# Shuffle the positions of relu1_1 and look at the losses: style does not notice, content does. Then shuffle
# *pixels* of the picture and take the features of the result. Why does style notice now?

# %%
features = seen["content"]["relu1_1"]
order = torch.randperm(features.shape[2] * features.shape[3], generator=torch.Generator().manual_seed(0))
shuffled = features.flatten(2)[:, :, order].view_as(features)
print("content:", float(content_loss(shuffled, features)))
print("style:  ", float((gram_matrix(shuffled) - gram_matrix(features)).square().mean()))
