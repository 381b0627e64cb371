"""Figures of models, gathers, geometry, spectra and convergence: pure functions that return a matplotlib Figure.

No global state: every figure is made with matplotlib's object interface and the Agg canvas, so that these functions
work in scripts, notebooks and on machines without a screen. Depth points down, axes are in metres (kilometres beyond
10 km), a vertical exaggeration is stated, colour maps are perceptually uniform and safe for colour-blind readers.
"""

from seisinv.plot.convergence import (
    compare_coherence,
    compare_convergence,
    compare_scores,
    compare_spectra,
    convergence,
)
from seisinv.plot.figure import png, save
from seisinv.plot.gathers import compare_gathers, gather
from seisinv.plot.models import compare_models, difference, gallery, model, snapshots, uncertainty
from seisinv.plot.spectra import spectrum, wavelets
from seisinv.plot.survey import geometry, overview
from seisinv.plot.traveltimes import first_breaks, tomogram, traveltime_fit

__all__ = [
    "compare_coherence",
    "compare_convergence",
    "compare_gathers",
    "compare_models",
    "compare_scores",
    "compare_spectra",
    "convergence",
    "difference",
    "first_breaks",
    "gallery",
    "gather",
    "geometry",
    "model",
    "overview",
    "png",
    "save",
    "snapshots",
    "spectrum",
    "tomogram",
    "traveltime_fit",
    "uncertainty",
    "wavelets",
]
