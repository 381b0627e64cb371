"""Wavefield-reconstruction inversion in a basis of plane waves."""

from seisinv import _deprecated
from seisinv.reconstruction.invert import reconstruct
from seisinv.reconstruction.problem import WavefieldReconstruction

__all__ = ["WavefieldReconstruction", "reconstruct"]

_deprecated.method(WavefieldReconstruction, "run", reconstruct, "seisinv.reconstruction.reconstruct(problem, …)")

# What seisinv.reconstruction.WavefieldReconstruction leads to: the class, with its former keywords.
PINNInversion = _deprecated.renamed(
    WavefieldReconstruction, "PINNInversion", {"trust": "data_weight", "spare": "oversampling", "bound": "max_error"}
)
