"""Solutions of lab 7."""

from styletransfer.functional import luminance


def keep_color(content, stylized):
    return (content - luminance(content) + luminance(stylized)).clamp(0, 1)


def guided_gram(features, mask):
    channels = features.shape[1]
    rows, weights = features.flatten(2), mask.flatten(2)
    return (rows * weights) @ rows.mT / (channels * weights.sum(dim=2, keepdim=True))
