"""Identity of the data of a job; see `seisinv.core.identity` for that of everything else."""

from __future__ import annotations

import numpy as np

from seisinv.core import Gathers, Observed
from seisinv.core.identity import digest

SAMPLED_SHOTS = 8


def data_digest(observed: Observed) -> str:
    """Return a hash of the survey and of up to eight shots spread over it, so that a large file is not read whole."""
    survey = observed.survey
    index = np.unique(np.linspace(0, len(observed) - 1, SAMPLED_SHOTS).round().astype(int)).tolist()
    some: Gathers = observed[index]
    return digest(len(observed), survey.time, survey.shots, some.data, some.live)
