"""A prior learned from procedural geology: network, training, weights, and its use on models of any size."""

from seisinv import _deprecated
from seisinv.priors.learned.prior import Learned
from seisinv.priors.learned.training import DenoiserRecipe, Step, train
from seisinv.priors.learned.weights import load

__all__ = ["DenoiserRecipe", "Learned", "Step", "load", "train"]

__getattr__ = _deprecated.moved(__name__, {"Recipe": "seisinv.priors.learned.DenoiserRecipe"})
