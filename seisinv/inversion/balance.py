"""Components of different units and sizes in one misfit: each is divided by its RMS before anything is squared.

    J = Σ_c w_c Σ_traces j(p / σ_c, d / σ_c),   σ_c² = mean of d² over the live traces of component c of all shots

With p in Pa and v in m/s, pressure would otherwise decide alone: it is larger by the impedance, some 10⁶.  A single
component is compared as it is; but one of less than 1e-9, such as the velocities of a unit force, is divided by a power
of 2, which changes no digit of it and keeps gradients in the range of single precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seisinv.core import Argument, ConfigError, Gathers, Message, Observed, Survey
from seisinv.core.gathers import refuse_nan
from seisinv.signal.processing import Window, processed

SMALL = 1e-9  # RMS below which gradients in single precision lose digits: they hold its square over moduli
GROUP = 16  # shots that are read at once; fixed, so that sums do not depend on the machine


@dataclass(frozen=True)
class Balance:
    """By what the traces of each component are divided before they are compared, and how much they count.

    Parameters
    ----------
    sizes : mapping of str to float
        Divisor of each component, in its unit.
    weights : mapping of str to float
        Factor of its traces' misfit; default: 1.

    Examples
    --------
    >>> import seisinv as si
    >>> survey = si.Survey.surface(sources=si.line(0, 0, every=1), receivers=si.line(0, 0, every=1), duration=0.1,
    ...                            wavelet=None, dt=0.1, components=["p", "vz"])
    >>> balance = Balance({"p": 10.0, "vz": 0.1}, {"vz": 0.5})
    >>> balance.even(si.Gathers(torch.ones(1, 2, 2), survey)).data[0, :, 0], balance.of(survey)
    (tensor([ 0.1000, 10.0000]), tensor([[1.0000, 0.5000]], dtype=torch.float64))
    """

    sizes: Mapping[str, float]
    weights: Mapping[str, float]

    def even(self, gathers: Gathers) -> Gathers:
        """Return gathers whose traces are divided by the size of their component.

        Parameters
        ----------
        gathers : Gathers
        """
        return gathers.replace(data=gathers.data * self.factors(gathers.survey).to(gathers.data.dtype)[..., None])

    def factors(self, survey: Survey) -> Tensor:
        """Return one over the size of each trace's component [shot, receiver].

        Parameters
        ----------
        survey : Survey
        """
        return self._by_trace(survey, {name: 1 / size for name, size in self.sizes.items()})

    def of(self, survey: Survey) -> Tensor:
        """Return how much each trace counts [shot, receiver].

        Parameters
        ----------
        survey : Survey
        """
        return self._by_trace(survey, self.weights)

    def _by_trace(self, survey: Survey, values: Mapping[str, float]) -> Tensor:
        out = torch.ones(len(survey), survey.max_receivers, dtype=torch.float64)
        if len(self.sizes) == 1:  # whatever it is called
            return out * next(iter(values.values()), 1.0)
        for row, shot in zip(out, survey.shots, strict=True):
            names = shot.components or ("",) * len(shot.receivers)
            row[: len(names)] = torch.tensor([values.get(name, 1.0) for name in names], dtype=torch.float64)
        return out


def components_of(survey: Survey) -> tuple[str, ...]:
    """Return the components of a survey in the order in which they come, "" for those that are not named."""
    return tuple(dict.fromkeys(name for shot in survey.shots for name in shot.components or ("",)))


def balance_of(observed: Observed, window: Window | None, weights: Mapping[str, float]) -> Balance | None:
    """Return the balance of recorded data, from all of it; None where there is only one component of a usual size.

    Parameters
    ----------
    observed : Observed
    window : Window, optional
        What counts.
    weights : mapping of str to float

    Raises
    ------
    ConfigError
        If a weight is of no component.
    DataError
        If a live trace holds NaN.
    """
    names = components_of(observed.survey)
    if len(names) < 2:
        return _of_small(observed, names[0])
    for name in weights:
        if name not in names:
            raise ConfigError(
                Message(Argument("survey.weights"), f" names {name!r}, which no receiver measures"),
                remedy=f"there are {', '.join(names)}",
            )
    energy, samples = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0)
    for first in range(0, len(observed), GROUP):
        gathers = observed[list(range(first, min(first + GROUP, len(observed))))]
        refuse_nan(gathers.data, gathers.live, gathers.survey)
        counted = processed(gathers, None, window)
        for k, shot in enumerate(gathers.survey.shots):
            for name in names:
                said = shot.components or ("",) * len(shot.receivers)
                rows = torch.tensor([n == name for n in said]) & counted.live[k, : len(said)]
                energy[name] += float(counted.data[k, : len(said)][rows].square().sum())
                samples[name] += int(rows.sum()) * counted.data.shape[-1]
    sizes = {n: (energy[n] / samples[n]) ** 0.5 if energy[n] else 1.0 for n in names}
    return Balance(sizes, {n: float(weights.get(n, 1.0)) for n in names})


def _of_small(observed: Observed, name: str) -> Balance | None:
    """Return the balance of one component by the first shot that holds a signal, None where it is of a usual size."""
    for k in range(len(observed)):
        rms = float(processed(observed[[k]], None, None).data.square().mean().sqrt())
        if rms > 0:  # not so where it holds NaN, which is refused later
            return Balance({name: 2.0 ** round(np.log2(rms))}, {name: 1.0}) if rms < SMALL else None
    return None
