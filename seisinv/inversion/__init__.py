"""Inversion: problem, optimisers, run directory, measures of success."""

from seisinv.inversion.ensemble import Ensemble, calibrate, run_ensemble
from seisinv.inversion.ladder import Ladder
from seisinv.inversion.metrics import Metrics, mae, metrics, rmse, ssim, update_correlation
from seisinv.inversion.optimizers import LBFGS, Adam, Optimizer
from seisinv.inversion.picking import Picks, pick_first_breaks
from seisinv.inversion.pinn_inversion import PINNInversion
from seisinv.inversion.problem import Inversion
from seisinv.inversion.processing import Band, Window
from seisinv.inversion.reciprocity import Reciprocity, check_reciprocity
from seisinv.inversion.result import BandEnd, Event, Result
from seisinv.inversion.skipping import SkipShare, cycle_skip_share
from seisinv.inversion.surrogate_simulator import SurrogateSimulator
from seisinv.inversion.tasks import ShotResult, ShotTask, misfit_and_gradient
from seisinv.inversion.tomography import Tomogram, Tomography
from seisinv.inversion.trust import Trust
from seisinv.inversion.uncertainty import Spread, Uncertainty, read_ensemble
from seisinv.inversion.wavelet import EstimateWavelet

__all__ = [
    "LBFGS",
    "Adam",
    "Band",
    "BandEnd",
    "Ensemble",
    "EstimateWavelet",
    "Event",
    "Inversion",
    "Ladder",
    "Metrics",
    "Optimizer",
    "PINNInversion",
    "Picks",
    "Reciprocity",
    "Result",
    "ShotResult",
    "ShotTask",
    "SkipShare",
    "Spread",
    "SurrogateSimulator",
    "Tomogram",
    "Tomography",
    "Trust",
    "Uncertainty",
    "Window",
    "calibrate",
    "check_reciprocity",
    "cycle_skip_share",
    "mae",
    "metrics",
    "misfit_and_gradient",
    "pick_first_breaks",
    "read_ensemble",
    "rmse",
    "run_ensemble",
    "ssim",
    "update_correlation",
]
