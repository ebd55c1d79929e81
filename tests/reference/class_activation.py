"""Grad-CAM and Grad-CAM++ of one film as their papers write them, channel by channel and pixel by pixel."""

from __future__ import annotations

import numpy as np
import torch


def activation_and_slope(model, image, label, stride):
    """The encoder's feature map of that stride and the slope of the class's logit there: (K, H, W) float64 each."""
    kept = {}
    layers = {info["reduction"]: info["module"] for info in model.encoder.feature_info.get_dicts()}
    handle = model.encoder.get_submodule(layers[stride]).register_forward_hook(
        lambda module, given, features: kept.update(features=features)
    )
    logit = model(image).class_logits[0, label]
    handle.remove()
    (slope,) = torch.autograd.grad(logit, kept["features"])
    return kept["features"][0].detach().double().numpy(), slope[0].double().numpy()


def grad_cam(activation, slope):
    """Selvaraju et al. 2017, equations 1 and 2."""
    channels, height, width = activation.shape
    total = np.zeros((height, width))
    for k in range(channels):
        alpha = sum(slope[k, i, j] for i in range(height) for j in range(width)) / (height * width)
        total += alpha * activation[k]
    return np.maximum(total, 0)


def grad_cam_plus_plus(activation, slope):
    """Chattopadhay et al. 2018, equations 5, 10 and 19: the score is the exponential of the logit, which leaves out."""
    channels, height, width = activation.shape
    total = np.zeros((height, width))
    for k in range(channels):
        mass = sum(activation[k, a, b] for a in range(height) for b in range(width))
        weight = 0.0
        for i in range(height):
            for j in range(width):
                g = slope[k, i, j]
                if g != 0:
                    alpha = g**2 / (2 * g**2 + mass * g**3)
                    weight += alpha * max(g, 0)
        total += weight * activation[k]
    return np.maximum(total, 0)
