# %% [markdown]
# # Lab 4: Gatys end to end
#
# **You will be able to** put the losses of lab 2 together into a style transfer by optimisation, choose start,
# optimiser and weights, provoke a divergence and explain it, and read the curve of each term and of a trade-off.
#
# Time: less than a minute to run, one and a half hours with the exercises. Nothing to download.

# %%
# %matplotlib inline
import torch

import styletransfer as st
from styletransfer import functional, labs, plotting, samples
from styletransfer.filming import Film

EDGE = 128  # pixels of the longer side: less is faster
STEPS = 60
content = st.load_image(samples.draw("harbour", long_edge=EDGE))
style = st.load_image(samples.draw("night", long_edge=EDGE))
extractor = st.create_extractor("vgg19-lite")
STYLE_LAYERS = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]

# %% [markdown]
# ## Theory
#
# The picture $x$ itself is the variable (Gatys et al. 2016, equation 7):
#
# $$ x^* = \arg\min_x\; \alpha L_\mathrm{content}(x) + \beta L_\mathrm{style}(x) + \gamma L_\mathrm{tv}(x), \qquad
# L_\mathrm{style} = \tfrac{1}{|L|} \sum_{l \in L} \mathrm{mean}\,(G^l(x) - A^l)^2. $$
#
# Nothing is learnt: the network stays as it is, and each picture is a run of its own. The gradient with respect
# to the pixels comes from back-propagation through the network.

# %% [markdown]
# ## By hand: the style loss


# %%
def style_loss(features, targets):
    """Return the mean over layers of the mean squared difference of Gram matrices.

    features: {layer: (B, C, H, W)}, targets: {layer: (B, C, C)}. functional.gram_matrix may be used.
    """
    raise NotImplementedError


# %%
labs.check("style_loss", style_loss)

# %% [markdown]
# ## By hand: the descent
#
# Adam moves a copy of the start. Keep the picture in [0, 1] after every step: the loss is asked about pictures
# only. Note the loss that each step is computed from, as a number; the first one is then the start's.


# %%
def descend(loss, start, steps, learning_rate):
    """Return (picture, losses) after so many steps of Adam from a copy of start; losses are numbers."""
    raise NotImplementedError


# %%
labs.check("descend", descend)

# %% [markdown]
# ## All together

# %%
with torch.no_grad():
    wanted = extractor(content, ["relu4_2"])["relu4_2"]
    grams = {k: functional.gram_matrix(x) for k, x in extractor(style, STYLE_LAYERS).items()}
# Each term is divided by what it is for the content, so that weights compare.
unit = float(style_loss(extractor(content, STYLE_LAYERS), grams))


def total(picture, style_weight=10.0):
    features = extractor(picture, ["relu4_2", *STYLE_LAYERS])
    content_term = (features["relu4_2"] - wanted).square().mean() / wanted.var()
    style_term = style_loss({k: features[k] for k in STYLE_LAYERS}, grams) / unit
    return content_term + style_weight * style_term + functional.total_variation(picture).mean()


picture, losses = descend(total, content, STEPS, 0.02)
plotting.pictures({"content": content, "style": style, f"after {STEPS} steps": picture})

# %% [markdown]
# ## Provoked: a divergence
#
# Plain gradient descent goes against the gradient, $x \leftarrow x - \eta \nabla L(x)$, without Adam's division by
# the gradient's size and without a clamp. Where the loss curves with $h$, a step multiplies the distance to the
# lowest point by $1 - \eta h$: it shrinks as long as $\eta < 2 / h$, and grows beyond that. Here growth feeds on
# itself: Gram matrices are squares of features, and the loss squares them again, so it curves more the farther the
# picture is from the goal.
#
# The loss is a mean over all numbers of a picture, so the gradient of each shrinks as pictures grow; the rate
# grows with their count.


# %%
def plain(loss, start, steps, learning_rate):
    """Return the losses of plain gradient descent, which does not keep the picture in [0, 1]."""
    picture, losses = start, []
    for _ in range(steps):
        picture = picture.detach().requires_grad_()
        value = loss(picture)
        losses.append(value.item())
        picture = picture - learning_rate * torch.autograd.grad(value, picture)[0]
    return losses


tried, rate = max(4, STEPS // 5), 2e-4 * content.numel()
rates = {
    f"plain, rate {rate:.3g}": plain(total, content, tried, rate),
    f"plain, rate {25 * rate:.3g}": plain(total, content, tried, 25 * rate),
    "Adam, rate 0.02": losses[:tried],
    "Adam, rate 0.5": descend(total, content, tried, 0.5)[1],
}
for name, values in rates.items():
    print(f"{name:18}", "  ".join(f"{value:.3g}" for value in values[:6]))
plotting.loss_histories(rates, title="Loss with two rates each, 25 times apart")

# %% [markdown]
# Both large rates are 25 times the small ones. Plain descent diverges: within a few steps the loss is too large
# for a float. Adam jumps, and comes back. Which property of Adam, and which line of `descend`, keep it from
# running away?

# %% [markdown]
# ## With the library
#
# The default of `gatys` adds what makes pictures better: L-BFGS, centred Gram matrices, a palette loss, work
# from coarse to fine. `preset="gatys2016"` and `preset="d2l"` are the paper's values and those of Dive into
# Deep Learning.

# %%
result = st.stylize(content, style, method="gatys", steps=STEPS // 2)
plotting.loss_terms(result)

# %%
plotting.pictures({"by hand": picture, "library": result, "AdaIN": st.stylize(content, style)})

# %% [markdown]
# ## The start
#
# The loss is not convex: where a descent ends depends on where it begins. Which start is ahead after a few steps,
# which one at the end? In which results do you still see the start?

# %%
settings = {"method": "gatys", "scales": (1.0,), "steps": STEPS // 2}
films, runs = {}, {}
for init in ("content", "noise", "style", "adain"):
    name = f"from {init}"  # "content" alone is a term of the loss
    films[name] = Film(content.shape[2:], every=1)
    runs[name] = st.stylize(content, style, init=init, on_step=films[name], **settings)
plotting.descents(runs, films)

# %% [markdown]
# The same as a moving picture. `.save("descent.gif")` writes it for a slide.

# %%
plotting.animate(runs["from noise"], films["from noise"])

# %% [markdown]
# ## The weights
#
# More style costs content. How much? Weighted losses do not tell, since their weights differ; a judge measures all
# results in the same way.

# %%
weights = {
    weight: st.stylize(content, style, method="gatys", style_weight=weight, steps=STEPS // 3)
    for weight in (0.5, 2.0, 8.0, 32.0, 128.0)
}
judge = st.create_judge("vgg19-lite-1")
judged = {weight: judge(run, content, style) for weight, run in weights.items()}
plotting.sweep(weights, "style_weight", judged=judged)

# %% [markdown]
# Each point of the curve is a picture. Compare two of them: the one further left keeps more of the content, the
# lower one takes more of the style. If one point is both, its setting is better. If each is ahead in one, you
# choose.

# %%
plotting.trade_off({"style_weight": judged})

# %% [markdown]
# ## Stretch
#
# The exercises of Dive into Deep Learning, chapter 14.12: (1) other content and style layers, (2) other
# weights: does more content weight mean less noise?, (3) your own pictures. Judge with `st.evaluate(picture,
# content, style)`, and by eye.

# %%
for weight in (1.0, 100.0):
    tried, _ = descend(lambda x, w=weight: total(x, w), content, STEPS // 2, 0.02)
    figures = judge(tried, content, style)
    print(f"style weight {weight}: style ratio {figures.style_ratio:.2f}, content {figures.content:.2f}")
