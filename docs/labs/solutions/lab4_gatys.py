"""Solutions of lab 4."""

import torch

from styletransfer import functional


def style_loss(features, targets):
    each = [(functional.gram_matrix(x) - targets[layer]).square().mean() for layer, x in features.items()]
    return sum(each) / len(each)


def descend(loss, start, steps, learning_rate):
    picture = start.clone().requires_grad_()
    optimizer, losses = torch.optim.Adam([picture], lr=learning_rate), []
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(picture)
        value.backward()
        optimizer.step()
        with torch.no_grad():
            picture.clamp_(0, 1)
        losses.append(value.item())
    return picture.detach(), losses
