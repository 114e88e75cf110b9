# %% [markdown]
# # Lab 5: AdaIN
#
# **You will be able to** write the layer that gives one picture's features another's statistics, explain what a
# decoder has to learn, and trade content for style without any training.
#
# Time: less than a minute to run, an hour with the exercises. Nothing to download.

# %%
# %matplotlib inline
import time

import styletransfer as st
from styletransfer import functional, labs, plotting, samples

EDGE = 192  # pixels of the longer side: less is faster
content = st.load_image(samples.draw("harbour", long_edge=EDGE))
style = st.load_image(samples.draw("mosaic", long_edge=EDGE))

# %% [markdown]
# ## Theory
#
# Huang and Belongie (2017), equation 8. For each channel of each picture:
#
# $$ \mathrm{AdaIN}(c, s) = \sigma(s)\, \frac{c - \mu(c)}{\sigma(c)} + \mu(s). $$
#
# There is nothing to learn in it. What is learnt, once for all styles, is the way back from features to pixels:
# a decoder $g$. A picture is $g(\mathrm{AdaIN}(f(c), f(s)))$ with the encoder $f$, VGG-19 up to relu4_1.
# Equation 14 mixes with the content's own features:
#
# $$ g\big((1 - \alpha)\, f(c) + \alpha\, \mathrm{AdaIN}(f(c), f(s))\big). $$

# %% [markdown]
# ## By hand


# %%
def adain(content_features, style_features):
    """Give content features (B, C, h, w) the channel statistics of style features (B, C, H, W)."""
    raise NotImplementedError


# %%
labs.check("adain", adain)


# %%
def mix(content_features, target, alpha):
    """Return features between the content's (alpha 0) and the target's (alpha 1)."""
    raise NotImplementedError


# %%
labs.check("mix", mix)

# %% [markdown]
# ## With the library
#
# The embedded decoder aligns covariances of channels too, and works in two passes; `alignment="channels"` is
# the paper's layer.

# %%
extractor = st.create_extractor("vgg19-lite")
features = [extractor(picture, ["relu4_1"])["relu4_1"] for picture in (content, style)]
print("by hand against the library:", float((adain(*features) - functional.adain(*features)).abs().max()))

began = time.perf_counter()
result = st.stylize(content, style, method="adain")
print(f"{time.perf_counter() - began:.2f} s, loading the networks included")

# %%
strengths = {alpha: st.stylize(content, style, alpha=alpha) for alpha in (0, 0.25, 0.5, 0.75, 1)}
judge = st.create_judge("vgg19-lite-1")
judged = {alpha: judge(run, content, style) for alpha, run in strengths.items()}
plotting.sweep(strengths, "alpha", judged=judged)

# %% [markdown]
# Alpha 0 is not the content, but what the network makes of it: its *reconstruction*. How far off is it?

# %%
print("reconstruction error:", float((strengths[0].image - content).square().mean()))

# %% [markdown]
# How much content does alpha give up, and for how much style? Does the alignment of covariances take more style
# than the paper's layer at the same content, by these figures? And by eye?

# %%
paper = {alpha: st.stylize(content, style, alpha=alpha, alignment="channels") for alpha in strengths}
plotting.trade_off(
    {"covariances": judged, "channels": {alpha: judge(run, content, style) for alpha, run in paper.items()}}
)

# %%
plotting.pictures({"style": style, "covariances": strengths[1], "channels": paper[1]})

# %% [markdown]
# Two styles mix by their statistics (equation 15):

# %%
sheet = st.interpolate(content, ["mosaic", "night"], per_side=3, long_edge=EDGE)
plotting.pictures({cell.title: cell.result for cell in sheet.cells})

# %% [markdown]
# ## Stretch
#
# Train a small decoder of your own. `styletransfer train decoder --help` shows how; docs/training.md has the
# commands and minutes. First train it to reconstruct, then to stylize: why in this order? Watch the identity
# error `l_id`: a content in its own style must not change.

# %%
own = st.stylize(content, content)
print("a content in its own style changes by", float((own.image - content).abs().mean()))
print("by the reconstruction alone:       ", float((strengths[0].image - content).abs().mean()))
