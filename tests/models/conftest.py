"""Models of which every explanation is known."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from egaze.models import DualHeadOutput, DualHeadUNet

STRIDES = [2, 4]


class TwoStages(nn.Module):
    """As an encoder of timm: (N, 1, H, W) to the image's 2 x 2 means, and these squared and halved once more."""

    feature_info = SimpleNamespace(reduction=lambda: STRIDES)

    def forward(self, image):
        first = nn.functional.avg_pool2d(torch.cat([image, 1 - image], dim=1), 2)
        return [first, nn.functional.avg_pool2d(first.square(), 2)]


class HandMade(nn.Module):
    """The logit of class c is the sum over places and channels of weight[c, channel] times the last feature map."""

    def __init__(self, weight):
        super().__init__()
        self.encoder = TwoStages()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, image):
        last = self.encoder(image)[-1]
        return DualHeadOutput(torch.einsum("nkhw,ck->nc", last, self.weight), image)


@pytest.fixture
def hand_made():
    return HandMade([[2.0, -1.0], [0.5, 3.0], [-1.0, -1.0]]).eval()


@pytest.fixture(scope="session")
def unet():
    """A small dual-head U-Net with random weights, on which no batch has been seen."""
    torch.manual_seed(0)
    return DualHeadUNet("mobilenetv3_small_050", classes=3, decoder_channels=(8, 8, 4)).eval()


@pytest.fixture(scope="session")
def images():
    return torch.rand(4, 1, 64, 96, generator=torch.Generator().manual_seed(1))
