"""A surrogate used as the propagator of an inversion, and the error of its data against the simulator's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from seisinv.core import ConfigError, Gathers, Grid, Model, StabilityError, Survey
from seisinv.propagate import Propagator
from seisinv.surrogate.residual import without_gradients
from seisinv.surrogate.time.pinn import PINN

FAINT = 1e-3  # of the energy of the strongest band, or mean energy of the strongest offsets; weaker ones have no error


@dataclass(frozen=True, eq=False)
class SurrogateAccuracy:
    """Relative L2 errors of a surrogate's data against the simulator's.

    Parameters
    ----------
    error : float
        Of all traces together.
    offsets : (bins + 1,) array, m
        Limits of the bins of absolute offset.
    by_offset : (bins,) array
        NaN where there is no trace or too little energy.
    frequencies : (bins + 1,) array, Hz
    by_frequency : (bins,) array
        NaN where the data have too little energy.
    max_error : float
        Largest error that is accepted.

    Examples
    --------
    >>> import seisinv as si
    >>> survey = si.Survey.surface(sources=si.line(40, 40, every=1, depth=30), receivers=si.line(20, 60, every=20),
    ...                            wavelet=si.ricker(10), duration=0.4, dt=4e-3)
    >>> pinn = si.PINN(si.Acoustic(), si.Model(si.Grid((17, 17), 5.0), vp=1000.0), survey, slabs=4)
    >>> si.surrogate.SurrogateAccuracy.of(pinn, max_error=0.2, bins=2).error < 0.2
    True
    """

    error: float
    offsets: np.ndarray
    by_offset: np.ndarray
    frequencies: np.ndarray
    by_frequency: np.ndarray
    max_error: float

    @classmethod
    def of(
        cls, pinn: PINN, *, max_error: float = 0.05, bins: int = 5, simulated: Gathers | None = None
    ) -> SurrogateAccuracy:
        """Compare a surrogate with the simulator.

        Parameters
        ----------
        pinn : PINN
            With a survey.
        max_error : float
            Largest error that is accepted.
        bins : int
            Number of bins of offset and of frequency.
        simulated : Gathers, optional
            Data of the same survey; by default of `Propagator` on the surrogate's grid.

        Returns
        -------
        SurrogateAccuracy

        Raises
        ------
        ConfigError
            If the surrogate has no survey, or the grid is too coarse for the simulator to be the reference.
        """
        if pinn.survey is None:
            raise ConfigError("the surrogate has no survey; pass one, PINN(physics, model, survey)")
        if not max_error > 0 or bins < 1:
            raise ConfigError(f"max_error is {max_error:g} and bins is {bins}; both must be positive")
        if simulated is None:
            simulate = Propagator(pinn.physics, pinn.model.grid, pinn.survey)
            assert pinn.frequency is not None
            assert pinn.duration is not None
            turns = 2 * math.pi * pinn.frequency * pinn.duration
            own = 0.4 * turns * abs(simulate.dispersion(pinn.model, 0.4 * pinn.frequency))  # at the middle of the band
            if own > max_error / 2:
                raise ConfigError(
                    f"the error of the simulator itself is {own:.1%} on this grid (limit {max_error:.1%}); "
                    "pass `simulated` data of a finer one"
                )
            with torch.no_grad():
                simulated = simulate(pinn.model)
        with torch.no_grad():
            found = pinn.gathers()
        return cls.between(found, simulated, max_error=max_error, bins=bins, highest=pinn.frequency)

    @classmethod
    def between(
        cls, found: Gathers, simulated: Gathers, *, max_error: float = 0.05, bins: int = 5, highest: float | None = None
    ) -> SurrogateAccuracy:
        """Compare data of a surrogate with those of a simulator.

        Parameters
        ----------
        found, simulated : Gathers
            Data of the surrogate and of the simulator, of the same survey.
        max_error : float
            Largest error that is accepted.
        bins : int
            Number of bins of offset and of frequency.
        highest : float, Hz, optional
            Highest frequency; by default the Nyquist frequency.

        Returns
        -------
        SurrogateAccuracy
        """
        live = (found.live & simulated.live).numpy()
        exact = simulated.data.double().numpy() * live[..., None]
        wrong = found.data.detach().double().numpy() * live[..., None] - exact
        away = np.nan_to_num(np.abs(found.survey.offsets))
        limits = np.linspace(0, max(float(away.max()), 1e-9), bins + 1)
        place = np.clip(np.digitize(away, limits) - 1, 0, bins - 1)
        groups = [(place == b) & live for b in range(bins)]
        loud = [float(np.mean(exact[g] ** 2)) if g.any() else 0.0 for g in groups]
        by_offset = _ratios([(wrong[g], exact[g]) for g in groups], loud)
        spectra = [np.fft.rfft(d, axis=-1) for d in (wrong, exact)]
        f = np.fft.rfftfreq(exact.shape[-1], found.survey.time.step)
        top = np.linspace(0, highest or f[-1], bins + 1)
        bands = [(f >= low) & (f < high) for low, high in pairwise(top)]
        energy = [float(np.sum(np.abs(spectra[1][..., b]) ** 2)) for b in bands]
        by_frequency = _ratios([(spectra[0][..., b], spectra[1][..., b]) for b in bands], energy)
        return cls(_ratio(wrong, exact), limits, by_offset, top, by_frequency, max_error)

    def __str__(self) -> str:
        rows = [f"error {self.error:.2%} (limit {self.max_error:.2%})"]
        for _, limits, values, unit in self._parts:
            rows += [
                f"  {low:g} to {high:g} {unit}: {v:.2%}{' too large' if v > self.max_error else ''}"
                for low, high, v in zip(limits[:-1], limits[1:], values, strict=True)
                if np.isfinite(v)
            ]
        return "\n".join(rows)

    @property
    def _parts(self) -> tuple[tuple[str, np.ndarray, np.ndarray, str], ...]:
        """What the error is told by: its name, limits, errors and unit."""
        by_frequency = ("frequencies", self.frequencies, self.by_frequency, "Hz")
        return ("offsets", self.offsets, self.by_offset, "m"), by_frequency

    def check(self) -> None:
        """Refuse data with too large an error.

        Raises
        ------
        StabilityError
            If the error of all data, or of any bin of offset or of frequency, exceeds `max_error`.
        """
        for what, limits, values, unit in self._parts:
            if np.nanmax(values) > self.max_error:
                worst = int(np.nanargmax(values))
                raise StabilityError(
                    f"the surrogate is off by {values[worst]:.1%} at {what} of {limits[worst]:g} to "
                    f"{limits[worst + 1]:g} {unit} (limit {self.max_error:.1%}); leave those out, pass more "
                    "features or slabs, or use Propagator"
                )
        if self.error > self.max_error:
            raise StabilityError(
                f"the surrogate is off by {self.error:.1%} (limit {self.max_error:.1%}); pass more features or slabs, "
                "or use Propagator"
            )

    def usable(self, gathers: Gathers) -> Gathers:
        """Return gathers whose traces are dead where the error at their offset exceeds `max_error`.

        Parameters
        ----------
        gathers : Gathers

        Raises
        ------
        StabilityError
            If no trace is left.
        """
        away = np.nan_to_num(np.abs(gathers.survey.offsets))
        place = np.clip(np.digitize(away, self.offsets) - 1, 0, len(self.by_offset) - 1)
        good = torch.from_numpy((self.by_offset[place] <= self.max_error) & (away <= self.offsets[-1] * (1 + 1e-9)))
        if not (good & gathers.live).any():
            self.check()
            raise StabilityError(
                f"no trace has an offset up to {self.offsets[-1]:g} m, the largest that the surrogate was compared at"
            )
        return gathers.replace(live=gathers.live & good)


@dataclass(frozen=True, eq=False)
class SurrogateSimulator:
    """Simulates with a least-squares PINN, whose gradient in the model an `Inversion` then follows.

    Features, points and background velocities are those of the surrogate's own model; for another model the equation is
    solved again.  At every call the data are compared with those of `Propagator`, which takes little time beside the
    solve.

    Parameters
    ----------
    pinn : PINN
        With the survey of the data, in the starting model.
    bound : float
        Largest relative error that is accepted, overall and in any of three ranges of offset and of frequency.

    Raises
    ------
    ConfigError
        If the surrogate has no survey.
    StabilityError
        When called, if an error exceeds `bound`.

    Examples
    --------
    >>> import seisinv as si
    >>> from seisinv.surrogate import SurrogateSimulator
    >>> grid = si.Grid((17, 17), 10.0)
    >>> survey = si.Survey.surface(sources=si.line(80, 80, every=1, depth=60), wavelet=si.ricker(8),
    ...                            receivers=si.line(40, 120, every=40, depth=100), duration=0.3, dt=4e-3)
    >>> pinn = si.PINN(si.Acoustic(), si.Model(grid, vp=1000.0), survey, slabs=4)
    >>> simulate = SurrogateSimulator(pinn, bound=0.3)
    >>> simulate(si.Model(grid, vp=1020.0)).data.shape
    torch.Size([1, 3, 76])
    """

    pinn: PINN
    bound: float = 0.1

    def __post_init__(self) -> None:
        if self.pinn.survey is None:
            raise ConfigError("the surrogate has no survey; pass one, PINN(physics, model, survey)")
        if not self.bound > 0:
            raise ConfigError(f"bound is {self.bound:g}; it must be positive (0.1 is 10 % of the data)")

    @property
    def survey(self) -> Survey:
        """Acquisition that it simulates."""
        assert self.pinn.survey is not None  # checked
        return self.pinn.survey

    @property
    def grid(self) -> Grid:
        """Grid of the models it takes."""
        return self.pinn.model.grid

    def subset(self, shots: Sequence[int]) -> SurrogateSimulator:
        """Return the simulator of some of the shots; for all of them, the factorisation is kept."""
        if list(shots) == list(range(len(self.survey))):
            return self
        return replace(self, pinn=replace(self.pinn, survey=self.survey.subset(shots)))

    def __call__(self, model: Model, wavelet: Tensor | None = None) -> Gathers:
        """Simulate, differentiably in the model's tensors.

        Parameters
        ----------
        model : Model
        wavelet : tensor, optional
            Used instead of the survey's; must have no energy above the surrogate's `frequency`.

        Returns
        -------
        Gathers
            data [shot, receiver, time] in Pa

        Raises
        ------
        StabilityError
            If an error against `Propagator` exceeds `bound`.
        """
        survey = self.survey if wavelet is None else self.survey.with_wavelet(wavelet.detach())
        gathers = (self.pinn if wavelet is None else replace(self.pinn, survey=survey)).gathers(model)
        with torch.no_grad():
            simulated = self._reference.replace(survey=survey)(without_gradients(model))
        SurrogateAccuracy.between(gathers, simulated, max_error=self.bound, bins=3, highest=self.pinn.frequency).check()
        return gathers

    @cached_property
    def _reference(self) -> Propagator:
        return Propagator(self.pinn.physics, self.grid, self.survey)


def _ratios(parts: list[tuple[np.ndarray, np.ndarray]], energy: list[float]) -> np.ndarray:
    """Return the relative error of each part, NaN where its energy is faint."""
    loud = [e > FAINT * max(energy) for e in energy]
    return np.array([_ratio(w, e) if here else np.nan for (w, e), here in zip(parts, loud, strict=True)])


def _ratio(error: np.ndarray, of: np.ndarray) -> float:
    size = float(np.linalg.norm(of))
    return float(np.linalg.norm(error)) / size if size else float("nan")
