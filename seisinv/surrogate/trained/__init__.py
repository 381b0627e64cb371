"""Networks trained on the residual of the wave equation: plain and finite-basis PINNs."""

from seisinv.surrogate.trained.network import Network
from seisinv.surrogate.trained.trained import PLAIN, TrainedPINN
from seisinv.surrogate.trained.training import TrainingSchedule, TrainingStep
from seisinv.surrogate.trained.wavefield import TrainedWavefield

__all__ = ["PLAIN", "Network", "TrainedPINN", "TrainedWavefield", "TrainingSchedule", "TrainingStep"]
