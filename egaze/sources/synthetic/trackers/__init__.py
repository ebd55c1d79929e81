"""The layouts of eye trackers' exports: the samples of a laboratory's sessions, with the traps of each format."""

from egaze.sources.synthetic.trackers.layout import TRACKER_LAYOUTS, TrackerLayout, import_words

__all__ = ["TRACKER_LAYOUTS", "TrackerLayout", "import_words"]
