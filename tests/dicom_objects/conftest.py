"""A model whose heatmap is a known function of the radiograph, and DICOM radiographs of a study."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from deploy.scripted_models import make_model, save_model
from imaging.dicom_radiographs import write_dicom
from torch import Tensor, nn

#: Of the radiograph that `write_radiograph` writes: wider than high, so that the canvas has bars above and below.
SHAPE = (60, 100)
CANVAS_PX = 40

STUDY, SERIES, INSTANCE = "1.2.3.4", "1.2.3.4.5", "1.2.3.4.5.6"


class Brightness(nn.Module):
    """The image itself as the heatmap, at four fifths."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        mean = image.mean([1, 2, 3])[:, None]
        return torch.cat([mean, 1.0 - mean, mean * 0.0], 1), image * 0.8


def save(path, **changes):
    model = make_model(Brightness(), shape=(CANVAS_PX, CANVAS_PX))
    spec = {"fit": "letterbox", "input_height_px": CANVAS_PX, "input_width_px": CANVAS_PX}
    return save_model(path, model, **(spec | changes))


@pytest.fixture(scope="session")
def model_path(tmp_path_factory):
    return save(tmp_path_factory.mktemp("model") / "model.pt")


def spot(shape=SHAPE):
    """12 bits: dark but for a bright square near the radiograph's lower left."""
    stored = np.full(shape, 100, np.uint16)
    stored[40:50, 10:30] = 4000
    return stored


def write_radiograph(path, stored=None, **elements):
    """A DICOM radiograph with all that objects of its study need, unless `elements` replace or (None) remove it."""
    stored = spot() if stored is None else stored
    whole = {
        "SOPInstanceUID": INSTANCE,
        "StudyInstanceUID": STUDY,
        "SeriesInstanceUID": SERIES,
        "Modality": "DX",
        "InstanceNumber": 7,
        "StudyDate": "20200102",
        "StudyTime": "030405",
        "StudyID": "study-1",
        "PatientSex": "F",
        "PatientOrientation": ["L", "F"],
        "ImageLaterality": "U",
        "PixelSpacing": [0.2, 0.3],
        "WindowCenter": 2048,
        "WindowWidth": 4096,
        "BurnedInAnnotation": "NO",
    }
    elements = {key: value for key, value in {**whole, **elements}.items() if value is not None}
    return write_dicom(path, stored, **elements)
