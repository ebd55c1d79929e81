"""Grad-CAM and Grad-CAM++ as their papers' equations read, place by place, for feature maps that are never negative."""

from __future__ import annotations

import numpy as np


def features_and_slopes(model, layer, image, class_index):
    """A layer's output (N, K, h, w) and the slopes of each image's class logit over it, both float64."""
    kept = []
    hook = layer.register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    try:
        logits = model(image).class_logits
    finally:
        hook.remove()
    kept[0].retain_grad()
    sum(logits[image, index] for image, index in enumerate(class_index)).backward()
    model.zero_grad(set_to_none=True)
    return kept[0].detach().double().numpy(), kept[0].grad.double().numpy()


def grad_cam(features, slopes):
    """Selvaraju et al., ICCV 2017, equations 1 and 2, for one image."""
    channels, height, width = features.shape
    found = np.zeros((height, width))
    for k in range(channels):
        weight = sum(slopes[k, i, j] for i in range(height) for j in range(width)) / (height * width)
        found += weight * features[k]
    return np.maximum(found, 0)


def grad_cam_plus_plus(features, slopes):
    """Chattopadhyay et al., WACV 2018, equations 19, 5 and 6, for one image and the score exp(logit), whose common
    factor exp(logit) is left out."""
    channels, height, width = features.shape
    found = np.zeros((height, width))
    for k in range(channels):
        total, weight = features[k].sum(), 0.0
        for i in range(height):
            for j in range(width):
                slope = slopes[k, i, j]
                if slope > 0:
                    alpha = slope**2 / (2 * slope**2 + total * slope**3)
                    weight += alpha * slope
        found += weight * features[k]
    return np.maximum(found, 0)
