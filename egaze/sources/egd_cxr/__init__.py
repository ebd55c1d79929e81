"""EGD-CXR 1.0.0 (PhysioNet `egd-cxr`, doi 10.13026/qfdz-zr67) with the radiographs of MIMIC-CXR 2.0.0."""

from egaze.sources.egd_cxr.gaze_rows import GAZE_TABLES
from egaze.sources.egd_cxr.master_sheet import PUBLISHED_SPLITS, is_published_sheet
from egaze.sources.egd_cxr.source import EgdCxr, list_radiographs

__all__ = ["GAZE_TABLES", "PUBLISHED_SPLITS", "EgdCxr", "is_published_sheet", "list_radiographs"]
