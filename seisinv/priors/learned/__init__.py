"""A prior learned from procedural geology: network, training, weights, and its use on models of any size."""

from seisinv.priors.learned.prior import Learned
from seisinv.priors.learned.training import Recipe, Step, train
from seisinv.priors.learned.weights import load

__all__ = ["Learned", "Recipe", "Step", "load", "train"]
