"""Radiologists' gaze on radiographs of SIIM-ACR Pneumothorax (Saab et al. 2021): no credential is needed."""

from egaze.sources.siim_gaze.source import SiimGaze, list_radiographs

__all__ = ["SiimGaze", "list_radiographs"]
