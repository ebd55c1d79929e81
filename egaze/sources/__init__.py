"""Sources of cases: one module or package per data set layout, each with a `Source` of `Case`s."""

from egaze.sources.case import Case, Source
from egaze.sources.egd_cxr import EgdCxr
from egaze.sources.reflacx import Reflacx
from egaze.sources.regions import Phrase, Region
from egaze.sources.table import Table

__all__ = ["Case", "EgdCxr", "Phrase", "Reflacx", "Region", "Source", "Table"]
