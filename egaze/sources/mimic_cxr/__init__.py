"""MIMIC-CXR: its tree of radiographs, which EGD-CXR and REFLACX use too, and the labels of its reports."""

from egaze.sources.mimic_cxr.source import MimicCxr, list_radiographs
from egaze.sources.mimic_cxr.tables import LABELLERS
from egaze.sources.mimic_cxr.tree import POPULATION, radiograph_path, read_radiograph_size, tree_path

__all__ = [
    "LABELLERS",
    "POPULATION",
    "MimicCxr",
    "list_radiographs",
    "radiograph_path",
    "read_radiograph_size",
    "tree_path",
]
