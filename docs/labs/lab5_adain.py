# %% [markdown]
# # Lab 5: AdaIN
#
# **You will be able to** write the layer that gives one picture's features another's statistics, train a small
# decoder that paints what it gives, and trade content for style without any training.
#
# Time: less than a minute to run, an hour with the exercises. Nothing to download.

# %%
# %matplotlib inline
import time

import torch
from torch import nn

import styletransfer as st
from styletransfer import functional, labs, plotting, samples

EDGE = 192  # pixels of the longer side: less is faster
STEPS = 200  # of the decoder's training
content = st.load_image(samples.draw("harbour", long_edge=EDGE))
style = st.load_image(samples.draw("mosaic", long_edge=EDGE))
night = st.load_image(samples.draw("night", long_edge=EDGE))

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
#
# Variances by $h\,w$ (equation 6) or by $h\,w - 1$ (the package) are both right, if content and style have the
# same.


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
# ## All together: a decoder of your own
#
# Your layer needs a way back to pixels. A small decoder of relu2_1 learns it in a few seconds from pieces of
# pictures: it is given their features, and has to give back the pieces. It never sees AdaIN's features in its
# training.

# %%
layer = "relu2_1"
extractor = st.create_extractor("vgg19-lite")
seen = [st.load_image(samples.draw(name, long_edge=EDGE)) for name in ("valley", *samples.list_styles())]
random = torch.Generator().manual_seed(0)


def pieces(count=4, side=48):
    """Return random pieces of the pictures, (count, 3, side, side)."""
    cut = []
    for _ in range(count):
        picture = seen[torch.randint(len(seen), (), generator=random)]
        top, left = (int(torch.randint(n - side + 1, (), generator=random)) for n in picture.shape[2:])
        cut.append(picture[..., top : top + side, left : left + side])
    return torch.cat(cut)


def convolution(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="reflect")


torch.manual_seed(0)
decoder = nn.Sequential(
    convolution(128, 64), nn.LeakyReLU(0.2), nn.Upsample(scale_factor=2),
    convolution(64, 32), nn.LeakyReLU(0.2), convolution(32, 3),
)  # fmt: skip
scale = extractor(pieces(), [layer])[layer].std()  # networks learn faster from numbers near 1
optimizer, errors = torch.optim.Adam(decoder.parameters(), lr=0.002), []
for _ in range(STEPS):
    batch = pieces()
    with torch.no_grad():
        given = extractor(batch, [layer])[layer] / scale
    error = (decoder(given) - batch).square().mean()
    optimizer.zero_grad()
    error.backward()
    optimizer.step()
    errors.append(error.item())
plotting.loss_histories({"reconstruction": errors}, title="What the decoder still gets wrong")

# %% [markdown]
# Now your `adain` moves the content's features, your `mix` goes part of the way, and the decoder paints the
# result.

# %%
with torch.no_grad():
    own = extractor(content, [layer])[layer]
    targets = {name: adain(own, extractor(x, [layer])[layer]) for name, x in (("mosaic", style), ("night", night))}
    painted = {"alpha 0": decoder(own / scale)}
    for name, target in targets.items():
        for alpha in (0.5, 1.0):
            painted[f"{name}, alpha {alpha:g}"] = decoder(mix(own, target, alpha) / scale)
plotting.pictures(painted)

# %% [markdown]
# Some of each style's colours come over, tesserae and brush strokes do not. Why? Look up in lab 1 how much of a
# picture one value of relu2_1 sees.

# %% [markdown]
# ## With the library
#
# The library's decoder begins at relu4_1 and was trained for hours. The embedded decoder aligns covariances of
# channels too, and works in two passes; `alignment="channels"` is the paper's layer.

# %%
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
# How much content does alpha give up, and for how much style? And is the alignment of covariances better than
# the paper's layer *by these figures*: does it take more style at the same content? Decide by the figure, yes
# or no, before you look at the pictures below it. Then say what your eye sees that the figures do not, or the
# other way round.

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
