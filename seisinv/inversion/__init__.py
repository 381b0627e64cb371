"""Waveform inversion: the problem, its solution, optimisers, frequency continuation, ensembles."""

from seisinv import _deprecated
from seisinv.inversion.continuation import Continuation
from seisinv.inversion.ensemble import Ensemble, calibrate, run_ensemble
from seisinv.inversion.invert import invert
from seisinv.inversion.optimizers import LBFGS, Adam, Optimizer
from seisinv.inversion.problem import Inversion
from seisinv.inversion.result import BandEnd, Event, Result
from seisinv.inversion.tasks import ShotResult, ShotTask, misfit_and_gradient
from seisinv.inversion.wavelet import EstimateWavelet

__all__ = [
    "LBFGS",
    "Adam",
    "BandEnd",
    "Continuation",
    "Ensemble",
    "EstimateWavelet",
    "Event",
    "Inversion",
    "Optimizer",
    "Result",
    "ShotResult",
    "ShotTask",
    "calibrate",
    "invert",
    "misfit_and_gradient",
    "run_ensemble",
]

Inversion.__init__ = _deprecated.renamed(  # type: ignore[method-assign]
    Inversion.__init__, "Inversion", {"ladder": "continuation"}
)
_deprecated.method(Inversion, "run", invert, "seisinv.invert(problem, optimizer, …)")

__getattr__ = _deprecated.moved(
    __name__,
    {
        "Band": "seisinv.signal.Band",
        "Ladder": "seisinv.inversion.Continuation",
        "Metrics": "seisinv.metrics.Metrics",
        "PINNInversion": "seisinv.reconstruction.PINNInversion",
        "Picks": "seisinv.traveltime.Picks",
        "Reciprocity": "seisinv.traveltime.Reciprocity",
        "SkipShare": "seisinv.signal.SkipShare",
        "Spread": "seisinv.runs.Spread",
        "SurrogateSimulator": "seisinv.surrogate.SurrogateSimulator",
        "Tomogram": "seisinv.traveltime.Tomogram",
        "Tomography": "seisinv.traveltime.Tomography",
        "Trust": "seisinv.surrogate.SurrogateAccuracy",
        "Uncertainty": "seisinv.runs.Uncertainty",
        "Window": "seisinv.signal.Window",
        "check_reciprocity": "seisinv.traveltime.check_reciprocity",
        "cycle_skip_share": "seisinv.signal.cycle_skip_share",
        "mae": "seisinv.metrics.mae",
        "metrics": "seisinv.metrics.metrics",
        "pick_first_breaks": "seisinv.traveltime.pick_first_breaks",
        "read_ensemble": "seisinv.runs.read_ensemble",
        "rmse": "seisinv.metrics.rmse",
        "ssim": "seisinv.metrics.ssim",
        "update_correlation": "seisinv.metrics.update_correlation",
    },
)
