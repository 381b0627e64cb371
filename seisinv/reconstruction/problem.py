"""Wavefield-reconstruction inversion in the plane-wave basis of the frequency-domain surrogate.

From low to high frequencies, and alternately at each of them:

    fields    minimise  ‖A(m) u − s − s̃‖² + λ² ‖P u − d − d̃‖²     (`surrogate.reconstruction`)
    model     minimise  ‖A(m) u − s − s̃‖² / E + R(m)  over m = 1/vp²  (`slowness`)
    what is left is added to the right-hand sides:  s̃ += s − A(m) u,  d̃ += d − P u

The fields may break the equation where the model is wrong, so that they follow the data without slipping a cycle, and
the model is then what mends the equation (van Leeuwen & Herrmann 2013, doi 10.1093/gji/ggt258).  The third line makes
equation and data exact in the limit for any λ (Aghamiry, Gholami & Operto 2019, doi 10.1190/geo2018-0093.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from seisinv.core import ConfigError, DataError, GeometryError, Observed
from seisinv.core.identity import digest
from seisinv.inversion.problem import Inversion
from seisinv.priors import PlugAndPlay, Tikhonov, TotalVariation
from seisinv.priors.penalty import listed
from seisinv.propagate import Propagator
from seisinv.reconstruction.fields import ReconstructedFields
from seisinv.runs.fingerprint import data_digest
from seisinv.signal.spectra import of_sources
from seisinv.unknowns import Bounded


@dataclass(frozen=True, eq=False, kw_only=True)
class WavefieldReconstruction:
    """A problem: find vp such that fields that fit the data obey the acoustic equation.

    Parameters
    ----------
    propagator : Propagator
        Acoustic, 2-D, without a free surface, with the survey of the data; simulates what the result predicts.
    observed : Gathers or a line on disk
        Records long enough to hold the waves: their Fourier transforms are used.  One source for each shot.
    unknown : Bounded
        vp and its bounds, which also set the wavenumbers of the basis; nodes in water keep their values.
    penalty : Tikhonov, TotalVariation or a learned prior, or several, optional
        In units of the misfit of the equation; see `priors.penalty`.
    data_weight : float
        Weight of the data misfit against that of the wave equation; see `reconstruction.fields`.
    refine : bool
        Add the residuals to the right-hand sides, as above; without it λ stays a compromise.
    wavelet : "known" or "estimate"
        Use the survey's wavelet, or one amplitude for each frequency, estimated by least squares.
    oversampling : float
        Basis functions per wave; more cost more and fit better.
    max_error : float
        Largest relative error of the data in the basis against the propagator's, measured in the current model before
        each frequency; beyond it the run is refused, or ends with the frequency before.

    Raises
    ------
    ConfigError, DataError, GeometryError
        If grids, surveys, bounds or penalties do not fit, or a parameter is out of range.

    Examples
    --------
    >>> import seisinv as si
    >>> from seisinv.reconstruction import WavefieldReconstruction, reconstruct
    >>> grid = si.Grid((13, 13), 40.0)
    >>> survey = si.Survey.surface(sources=si.line(80, 400, every=160, depth=0.0), wavelet=si.ricker(5),
    ...                            receivers=si.line(40, 440, every=40, depth=480), duration=1.2, dt=4e-3)
    >>> propagator = si.Propagator(si.Acoustic(), grid, survey)
    >>> observed = propagator(si.Model(grid, vp=2000.0))
    >>> problem = WavefieldReconstruction(propagator=propagator, observed=observed,
    ...                         unknown=si.unknowns.Bounded(si.Model(grid, vp=2050.0), vp=(1800, 2300)))
    >>> len(reconstruct(problem, [4.0], iterations=1).history)
    2
    """

    propagator: Propagator
    observed: Observed
    unknown: Bounded
    penalty: Tikhonov | TotalVariation | PlugAndPlay | Sequence[Tikhonov | TotalVariation | PlugAndPlay] | None = None
    data_weight: float = 100.0
    refine: bool = True
    wavelet: str = "known"
    oversampling: float = 2.5
    max_error: float = 0.1

    def __post_init__(self) -> None:
        grid, survey = self.propagator.grid, self.observed.survey
        if self.unknown.start.grid != grid:
            raise ConfigError("the starting model and the propagator are on different grids; build both on one grid")
        if set(self.unknown.limits) != {"vp"}:
            raise ConfigError(
                f"bounds are given for {', '.join(self.unknown.limits)}; wavefield reconstruction solves for vp only"
            )
        if self.propagator.boundary.free_surface:
            raise ConfigError(
                "the propagator has a free surface; wavefield reconstruction has absorbing layers on all sides"
            )
        if not self.max_error > 0:
            raise ConfigError(f"max_error is {self.max_error:g}; it must be positive (0.1 is 10 % of the data)")
        if not self.data_weight > 0:
            raise ConfigError(f"data_weight is {self.data_weight:g}; it must be positive (100 is a good value)")
        if self.wavelet not in ("known", "estimate"):
            raise ConfigError(f"wavelet is {self.wavelet!r}; it must be 'known' or 'estimate'")
        if len(survey) != len(self.propagator.survey):
            raise DataError(
                f"the data hold {len(survey)} shots and the propagator {len(self.propagator.survey)}; use one survey"
            )
        if survey.max_sources > 1:
            raise GeometryError(
                f"a shot has {survey.max_sources} sources; wavefield reconstruction needs one source per shot"
            )
        survey.check_inside(grid)
        for prior in self.penalties:
            if not isinstance(prior, Tikhonov | TotalVariation | PlugAndPlay):
                raise ConfigError(f"penalty is {prior!r}; it must be Tikhonov, TotalVariation or a plug-and-play prior")
            if isinstance(prior, PlugAndPlay):
                prior.check(self.unknown.start)

    def checked(self, frequencies: Sequence[float], iterations: int, budget: int | None = None) -> list[float]:
        """Return the frequencies in Hz if `reconstruct` can work with all three.

        Parameters
        ----------
        frequencies : sequence of float, Hz
        iterations : int
            At each frequency.
        budget : int, optional
            Solves the run may cost at most.

        Raises
        ------
        ConfigError
            If the frequencies do not increase or need too many basis functions, or the budget is too small.
        DataError
            If the sources do not emit one of them.
        """
        chosen = [float(f) for f in frequencies]
        if not chosen or any(b <= a for a, b in pairwise([0.0, *chosen])):
            raise ConfigError(f"frequencies are {chosen} Hz; they must be positive and increasing")
        nyquist = self.observed.survey.time.nyquist
        if chosen[-1] > nyquist:
            raise ConfigError(f"frequencies reach {chosen[-1]:g} Hz; the data hold nothing above {nyquist:g} Hz")
        if iterations < 1:
            raise ConfigError(f"iterations is {iterations}; at least 1 is needed")
        least = len(chosen) * (self.solves_of_turn + self.solves_of_check)
        if budget is not None and budget < least:
            raise ConfigError(
                f"budget is {budget} solves; {len(self.observed)} shots at {len(chosen)} frequencies need at least "
                f"{least}: raise it, or use fewer frequencies or shots"
            )
        if self.wavelet == "known":
            for f in chosen:
                of_sources(self.propagator.survey, f)  # refuses what the sources do not emit
        for f in chosen:
            self.fields(f, np.zeros((0, 2)), np.zeros((0, 2)))  # refuses what the basis cannot hold
        return chosen

    def fields(self, frequency: float, sources: np.ndarray, receivers: np.ndarray) -> ReconstructedFields:
        """Return the plane-wave basis of a frequency (Hz) for sources and receivers at (z, x), m."""
        return ReconstructedFields(
            self.propagator.physics, self.unknown.start, frequency, self.velocities, sources, receivers,
            oversampling=self.oversampling,
        )  # fmt: skip

    @property
    def solves_of_turn(self) -> int:
        """What an iteration costs: fields of every shot, twice where the wavelet is estimated."""
        return len(self.observed) * (1 if self.wavelet == "known" else 2)

    @property
    def solves_of_check(self) -> int:
        """What the comparison with the simulator costs at a frequency: one field and one simulation per shot."""
        return 2 * len(self.observed)

    def waveform(self, shots: Sequence[int] | None = None) -> Inversion:
        """Return the waveform inversion of the same data (default: all shots), to evaluate models with."""
        index = list(range(len(self.observed))) if shots is None else list(shots)
        return Inversion(
            propagator=self.propagator.subset(index), observed=self.observed[index], unknown=self.unknown,
            wavelet=self.wavelet,
        )  # fmt: skip

    @property
    def penalties(self) -> Sequence[Tikhonov | TotalVariation | PlugAndPlay]:
        """The penalties and priors, as a sequence."""
        return listed(self.penalty)

    @property
    def velocities(self) -> tuple[float, float]:
        """Lowest and highest vp that a model may have, m/s."""
        low, high = self.unknown.limits["vp"]
        start = self.unknown.start["vp"].detach()  # water may lie outside the bounds
        return min(low, float(start.min())), max(high, float(start.max()))

    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the lowest and the highest vp of each node [z, x], m/s."""
        shape = self.unknown.start.grid.shape
        low, high = (b.reshape(shape) * self.unknown.scales[0] for b in self.unknown.bounds())
        return low, high

    def fingerprint(
        self, frequencies: Sequence[float], iterations: int, seed: int, budget: int | None = None
    ) -> dict[str, str]:
        """Return hashes of everything that the numbers of a run depend on, by name.

        Parameters
        ----------
        frequencies, iterations, seed, budget
            As for `reconstruct`.
        """
        start = self.unknown.start
        return {
            "data": data_digest(self.observed),
            "start": digest(start.grid, dict(start.parameters)),
            "bounds": digest(*self.unknown.bounds()),
            "propagator": digest(self.propagator),
            "penalty": digest(self.penalty),
            "settings": digest(self.data_weight, self.refine, self.wavelet, self.oversampling, self.max_error),
            "frequencies": digest(list(frequencies), iterations, seed),
            "budget": digest(budget),
        }

    def record(
        self, frequencies: Sequence[float], iterations: int, seed: int, budget: int | None = None
    ) -> dict[str, Any]:
        """Return the table [job] of run.toml.

        Parameters
        ----------
        frequencies, iterations, seed, budget
            As for `reconstruct`.
        """
        job = {
            "method": "wavefield reconstruction in features",
            "frequencies": list(frequencies),
            "iterations": iterations,
            "penalty": "none" if self.penalty is None else repr(self.penalty),
            "data_weight": self.data_weight,
            "refine": self.refine,
            "wavelet": self.wavelet,
            "oversampling": self.oversampling,
            "max_error": self.max_error,
            "shots": len(self.observed),
            "budget": "none" if budget is None else budget,
            "seed": seed,
        }
        return {"job": job}
