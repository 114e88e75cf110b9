"""Solutions of lab 8."""

import torch
from torch.nn import functional as F


def whiten(features):
    rows = features.flatten(2)
    centred = rows - rows.mean(dim=2, keepdim=True)
    covariance = centred @ centred.mT / rows.shape[2]
    values, vectors = torch.linalg.eigh(covariance)
    inverse_root = (vectors * values.clamp_min(1e-5).rsqrt()[:, None]) @ vectors.mT
    return (inverse_root @ centred).view(features.shape)


def swap(content_features, style_features):
    patches = F.unfold(style_features, 3)[0].T.view(-1, style_features.shape[1], 3, 3)  # every 3x3 patch
    directions = patches / patches.flatten(1).norm(dim=1).clamp_min(1e-8).view(-1, 1, 1, 1)
    nearest = F.conv2d(content_features, directions).argmax(dim=1)  # the content's own length changes no argmax
    chosen = F.one_hot(nearest, len(patches)).movedim(-1, 1).to(content_features)
    overlaps = F.conv_transpose2d(torch.ones_like(chosen[:, :1]), torch.ones(1, 1, 3, 3))
    return F.conv_transpose2d(chosen, patches) / overlaps
