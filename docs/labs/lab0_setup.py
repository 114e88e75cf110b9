# %% [markdown]
# # Lab 0: set-up, and what networks expect of pictures
#
# **You will be able to** check an installation, bring pictures to the numbers that a network was trained on,
# and see what a wrong order of channels or a wrong mean does to its features.
#
# Time: less than a minute to run on two processor cores, with nothing to download. Half an hour with the exercise.
#
# ## The machine
#
# `styletransfer doctor` says what is installed, what the machine computes in, and how large a picture it can
# work on.

# %%
# %matplotlib inline

import styletransfer as st
from styletransfer import labs, plotting, samples

EDGE = 256  # pixels of the longer side: less is faster
content = st.load_image(samples.draw("harbour", long_edge=EDGE))
print(content.shape, content.min().item(), content.max().item())

# %% [markdown]
# A picture is a tensor (B, 3, H, W): a batch, the channels red, green and blue, height, width; numbers in [0,
# 1].
#
# ## Theory
#
# A network knows pictures as it saw them in its training. VGG-19 (Simonyan and Zisserman 2015) saw photographs
# less their mean colour; PyTorch's published weights also divide by the deviation of each channel over
# ImageNet:
#
# $$ x' = \frac{x - \mu}{\sigma}, \qquad \mu = (0.485, 0.456, 0.406), \quad \sigma = (0.229, 0.224, 0.225). $$
#
# The original weights of 2014 want 0 to 255 in the order blue, green, red. Code that mixes the two conventions
# runs without an error and gives dull pictures.
#
# ## By hand


# %%
def normalize(pictures):
    """Bring pictures (B, 3, H, W), RGB in [0, 1], to ImageNet's mean and deviation."""
    raise NotImplementedError


# %%
labs.check("normalize", normalize)

# %% [markdown]
# ## With the library
#
# `create_extractor` holds its own colour map, as a 1x1 convolution: pictures in [0, 1] go in as they are. What
# would a wrong convention do? We look at how far the features of each layer move, relative to their size.

# %%
extractor = st.create_extractor("vgg19-lite")
layers = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
wrong = {
    "BGR": content.flip(1),
    "mean not subtracted": (content + 0.45).clamp(0, 1),
    "0 to 255, then divided twice": content / 255,
}
right = extractor(content, layers)
for name, picture in wrong.items():
    features = extractor(picture, layers)
    moved = [((features[k] - right[k]).norm() / right[k].norm()).item() for k in layers]
    print(f"{name:30}", "  ".join(f"{k} {x:.2f}" for k, x in zip(layers, moved, strict=True)))

# %%
plotting.pictures({"right": content, **wrong})

# %% [markdown]
# ## Stretch
#
# Stylize one picture with the channels exchanged and turn the result back. Is it the same picture? Why is it
# not, although the network never names a colour?

# %%
style = st.load_image(samples.draw("night", long_edge=EDGE))
plain = st.stylize(content, style).image
turned = st.stylize(content.flip(1), style.flip(1)).image.flip(1)
print((plain - turned).abs().mean().item())
