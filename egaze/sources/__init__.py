"""Sources of cases: one module or package per data set layout, each with a `Source` of `Case`s."""

from egaze.sources.case import Case, Source
from egaze.sources.chexpert import CheXpert
from egaze.sources.egd_cxr import EgdCxr
from egaze.sources.gazesearch import GazeSearch
from egaze.sources.mimic_cxr import MimicCxr
from egaze.sources.nih_cxr14 import NihCxr14
from egaze.sources.reflacx import Reflacx
from egaze.sources.regions import Mask, Phrase, Region
from egaze.sources.siim_gaze import SiimGaze
from egaze.sources.table import Table
from egaze.sources.vindr_cxr import VindrCxr

__all__ = [
    "Case",
    "CheXpert",
    "EgdCxr",
    "GazeSearch",
    "Mask",
    "MimicCxr",
    "NihCxr14",
    "Phrase",
    "Reflacx",
    "Region",
    "SiimGaze",
    "Source",
    "Table",
    "VindrCxr",
]
