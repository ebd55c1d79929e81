"""Pictures of gaze: heatmaps, overlays, scanpaths and animations."""

from egaze.pictures.animation import Playback
from egaze.pictures.case_files import KINDS
from egaze.pictures.case_gaze import HeatmapOptions
from egaze.pictures.write_pictures import PicturesSummary, possible_kinds, write_pictures

__all__ = ["KINDS", "HeatmapOptions", "PicturesSummary", "Playback", "possible_kinds", "write_pictures"]
