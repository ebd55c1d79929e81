"""Fixations, heatmaps of them, and the recordings of eye trackers."""

from egaze.gaze.detecting import with_detected_fixations
from egaze.gaze.fixations import Fixations
from egaze.gaze.formats import GAZE_FORMATS, read_recording
from egaze.gaze.heatmap import rasterize_batch, rasterize_fixations, rasterize_frames
from egaze.gaze.map_check import MapCheck, check_map
from egaze.gaze.mapped_table import read_by_mapping
from egaze.gaze.mapping import TableMapping, load_mapping
from egaze.gaze.quality import GazeQuality, measure_quality
from egaze.gaze.quality_limits import QualityLimits, quality_marks
from egaze.gaze.recording import GazeFormat, GazeRecording, GazeSamples, Message, RecordedFixations
from egaze.gaze.screen import Screen
from egaze.gaze.shown_picture import ShownPicture
from egaze.gaze.summary import RecordingSummary, summarize_recording
from egaze.gaze.validation import TargetOffset, TrackerValidation
from egaze.gaze.validation_targets import ValidationTarget

__all__ = [
    "GAZE_FORMATS",
    "Fixations",
    "GazeFormat",
    "GazeQuality",
    "GazeRecording",
    "GazeSamples",
    "MapCheck",
    "Message",
    "QualityLimits",
    "RecordedFixations",
    "RecordingSummary",
    "Screen",
    "ShownPicture",
    "TableMapping",
    "TargetOffset",
    "TrackerValidation",
    "ValidationTarget",
    "check_map",
    "load_mapping",
    "measure_quality",
    "quality_marks",
    "rasterize_batch",
    "rasterize_fixations",
    "rasterize_frames",
    "read_by_mapping",
    "read_recording",
    "summarize_recording",
    "with_detected_fixations",
]
