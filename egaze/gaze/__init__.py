"""Fixations, heatmaps of them, and the recordings of eye trackers."""

from egaze.gaze.fixations import Fixations
from egaze.gaze.formats import GAZE_FORMATS, read_recording
from egaze.gaze.heatmap import rasterize_batch, rasterize_fixations, rasterize_frames
from egaze.gaze.map_check import MapCheck, check_map
from egaze.gaze.mapped_table import read_by_mapping
from egaze.gaze.mapping import TableMapping, load_mapping
from egaze.gaze.recording import GazeFormat, GazeRecording, GazeSamples, Message, RecordedFixations
from egaze.gaze.screen import Screen
from egaze.gaze.shown_picture import ShownPicture
from egaze.gaze.summary import RecordingSummary, summarize_recording

__all__ = [
    "GAZE_FORMATS",
    "Fixations",
    "GazeFormat",
    "GazeRecording",
    "GazeSamples",
    "MapCheck",
    "Message",
    "RecordedFixations",
    "RecordingSummary",
    "Screen",
    "ShownPicture",
    "TableMapping",
    "check_map",
    "load_mapping",
    "rasterize_batch",
    "rasterize_fixations",
    "rasterize_frames",
    "read_by_mapping",
    "read_recording",
    "summarize_recording",
]
