"""Seismic data and models in files; units are converted here and nowhere else."""

from seisinv import _deprecated
from seisinv.io.catalogue import CATALOGUE, Dataset, dataset
from seisinv.io.download import fetch
from seisinv.io.headers import HEADERS, HeaderField
from seisinv.io.info import Info, describe
from seisinv.io.line import Line
from seisinv.io.models import read_model, write_model, write_section
from seisinv.io.projection import Projection
from seisinv.io.reader import open_line, open_segy, read_line, read_segy
from seisinv.io.reading import Reading
from seisinv.io.text import facts, geometry_lines, info_text
from seisinv.io.writer import write_segy

__all__ = [
    "CATALOGUE",
    "HEADERS",
    "Dataset",
    "HeaderField",
    "Info",
    "Line",
    "Projection",
    "Reading",
    "dataset",
    "describe",
    "facts",
    "fetch",
    "geometry_lines",
    "info_text",
    "open_line",
    "open_segy",
    "read_line",
    "read_model",
    "read_segy",
    "write_model",
    "write_section",
    "write_segy",
]

__getattr__ = _deprecated.moved(__name__, {"as_text": "seisinv.io.info_text"})
