"""Fixations, heatmaps of them, and the recordings of eye trackers."""

from egaze.gaze.fixations import Fixations
from egaze.gaze.formats import GAZE_FORMATS, read_recording
from egaze.gaze.heatmap import rasterize_batch, rasterize_fixations, rasterize_frames
from egaze.gaze.recording import GazeFormat, GazeRecording, GazeSamples, Message, RecordedFixations, Screen
from egaze.gaze.shown_picture import ShownPicture

__all__ = [
    "GAZE_FORMATS",
    "Fixations",
    "GazeFormat",
    "GazeRecording",
    "GazeSamples",
    "Message",
    "RecordedFixations",
    "Screen",
    "ShownPicture",
    "rasterize_batch",
    "rasterize_fixations",
    "rasterize_frames",
    "read_recording",
]
