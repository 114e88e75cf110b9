# %% [markdown]
# # Lab 6: a fair comparison
#
# **You will be able to** measure the seconds of a method so that others can believe them, plot loss against
# seconds, and say after how many pictures a training has paid.
#
# Time: less than a minute to run, an hour with the exercises. Nothing to download.

# %%
# %matplotlib inline
import time
from statistics import median

import styletransfer as st
from styletransfer import labs, plotting, samples

EDGE = 128  # pixels of the longer side: less is faster
STEPS = 40
content = st.load_image(samples.draw("harbour", long_edge=EDGE))
style = st.load_image(samples.draw("night", long_edge=EDGE))

# %% [markdown]
# ## Theory
#
# Three mistakes make most published seconds wrong.
#
# 1. *The first call counted.* It allocates memory, chooses algorithms, compiles.
# 2. *No synchronisation.* A GPU is given work and the call returns at once. A clock that stops then has
# measured how fast work is queued.
# 3. *Different work.* One side reads files, the other has pictures in memory; one measures at 256 pixels, the
# other at 512.
#
# And one number is no measurement: machines do other things meanwhile. Take several, in turns with what you
# compare with, and give the median with its conditions: machine, threads, versions, sizes, what is in the
# seconds.

# %% [markdown]
# ## By hand
#
# `work` queues something on a device and returns; `synchronize` waits until the device is idle. (The check has
# a made-up device that behaves like a GPU, so that no GPU is needed.)


# %%
def seconds_of(work, synchronize, rounds):
    """Return the seconds of one call of work, warm and waited for."""
    raise NotImplementedError


# %%
labs.check("seconds_of", seconds_of)

# %% [markdown]
# What the second mistake looks like:

# %%
done_at = [0.0]


def queue():
    done_at[0] = max(done_at[0], time.perf_counter()) + 0.05


def wait():
    time.sleep(max(0.0, done_at[0] - time.perf_counter()))


began = time.perf_counter()
queue()
print(
    f"without waiting: {time.perf_counter() - began:.6f} s, measured rightly: {seconds_of(queue, wait, 3):.3f} s"
)

# %% [markdown]
# ## With the library
#
# `st.compare` warms up, measures, and lets one judge look at all results. The judge's *style ratio* is 1 for
# the untouched content and 0 for the style's own statistics; *content* is 0 for the untouched content.

# %%
comparison = st.compare(content, style, steps=STEPS, judge="vgg19-lite-1")
print(comparison.to_markdown())

# %%
comparison.figure()

# %% [markdown]
# Which method is better? That depends on the seconds you have. The curve shows the loss of the descent over its
# seconds, and AdaIN's picture as a point: below it the descent is worse.
#
# When does a training pay? A decoder that took 20 hours has to save that much: after $20\,h / (t_\mathrm{Gatys}
# - t_\mathrm{AdaIN})$ pictures.

# %%
seconds = {row.method: row.seconds for row in comparison.rows}
saved = seconds["gatys"] - seconds["adain"]
print(f"20 hours of training have paid after {20 * 3600 / saved:,.0f} pictures of {EDGE} pixels")

# %% [markdown]
# One picture of each method is one point, and each method has an option that trades content for style. A fair
# comparison looks at the whole curve: which method takes more style *at the same content*?

# %%
judge = st.create_judge("vgg19-lite-1")
weights, alphas = (0.5, 2.0, 8.0, 32.0), (0.25, 0.5, 0.75, 1.0)
descents = {w: st.stylize(content, style, "gatys", style_weight=w, steps=STEPS) for w in weights}
passes = {a: st.stylize(content, style, "adain", alpha=a) for a in alphas}
plotting.trade_off(
    {
        "Gatys, style_weight": {w: judge(run, content, style) for w, run in descents.items()},
        "AdaIN, alpha": {a: judge(run, content, style) for a, run in passes.items()},
    }
)

# %% [markdown]
# ## Stretch
#
# Measure at three sizes and plot seconds over pixels. Which of the two grows with the number of pixels, which
# faster? `pytest benchmarks --benchmark-only -k steps` in the repository measures the same with all its
# conditions.

# %%
stylizer = st.create_stylizer("adain")
for edge in (EDGE // 2, EDGE, 2 * EDGE):
    small = [st.load_image(samples.draw(name, long_edge=edge)) for name in ("harbour", "night")]
    stylizer.stylize(*small)
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        stylizer.stylize(*small)
        taken.append(time.perf_counter() - began)
    print(f"{edge} pixels: {median(taken):.3f} s")
plotting.pictures({row.method: comparison.results[row.method] for row in comparison.rows})
