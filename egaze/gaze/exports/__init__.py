"""The exports of trackers' software: one module for each format."""
