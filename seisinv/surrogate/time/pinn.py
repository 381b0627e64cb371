"""A physics-informed surrogate solved by least squares, in the time domain and 2-D.

    p(z, x, t) = Σ_j Σ_k a_jk φ_jk(z, x, t) + background

For a given model the wave equation is linear in the last layer a, which is found by one least-squares solve over
rows of four kinds, made dimensionless by the highest angular frequency ω of the band:

    equation / ω²,   3 (p − p₀) at t = 0,   3 (∂p/∂t − q₀) / ω at t = 0,   edges

(finite-basis networks: Moseley, Markham & Nissen-Meyer 2023, doi 10.1007/s10444-023-10065-9; their last layer by least
squares: van Beek, Dolean & Moseley 2025, doi 10.1016/j.cma.2025.118583, with tanh features and LSQR).  The rows do not
depend on initial fields or sources: the factorisation is kept, and more of them are more right-hand sides.

Of a point source the wave in a constant medium of the velocity at the source is subtracted (scattered-field form): its
residual in the equation goes to the right-hand side.  Long durations are divided into time windows of equal length,
which share one factorisation; each solve spans two of them and the next one starts from its middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from math import inf, pi

import numpy as np
import torch
from torch import Tensor

from seisinv.core import ConfigError, DataError, Gathers, Model, ModelError, StabilityError, Survey
from seisinv.physics import Acoustic, Physics
from seisinv.surrogate.checks import CHECKED, EDGES, check_choice, check_positive
from seisinv.surrogate.features import Features, Partitions, cone, partitions_of
from seisinv.surrogate.field import ratio
from seisinv.surrogate.initial import Initial, sample
from seisinv.surrogate.parts import Parts, parts_of
from seisinv.surrogate.residual import Residual, equation_of, residual_of, without_gradients
from seisinv.surrogate.time.adjoint import attach, kernel, reversed_survey
from seisinv.surrogate.time.background import Background, backgrounds, highest_frequency
from seisinv.surrogate.time.band import Subdomains, windows_on
from seisinv.surrogate.time.implicit import Solver, System
from seisinv.surrogate.time.march import March, check_growth
from seisinv.surrogate.time.rows import PINNProblem, Rows, matrix, places
from seisinv.surrogate.time.solve import factorise
from seisinv.surrogate.time.wavefield import Wavefield
from seisinv.surrogate.time.windowed import factorise_windows

GRADIENTS = ("rows", "field")
LARGEST = 5000  # features of one dense solve, about 1 GB and a minute
MOST = 40_000  # features in subdomains, some GB and minutes


@dataclass(frozen=True, eq=False)
class PINN:
    """Least-squares surrogate of a wave equation in one model.

    Parameters
    ----------
    physics : Physics
        Its `equations()` are the residual; one field, second order in time.
    model : Model
        Its grid is the domain.  It is interpolated by splines, on each side of its jumps.
    survey : Survey, optional
        Point sources; with it `duration` and `frequency` follow from the record and the wavelet, and edges absorb.
    duration : float, s
    wavenumber : float, rad/m
        Largest wavenumber of initial fields, the same everywhere; 2 π f / vp for a frequency f.
    frequency : float, Hz
        Highest frequency instead: wavenumbers follow the velocity of each subdomain.
    features : int, optional
        In all subdomains together; by default `needed`, and fewer are refused.
    windows : number of subdomains along z, x and t
        More than one makes the matrix sparse; needed above 5000 features.
    slabs : int
        Number of time windows into which the duration is divided.
    overlap : float
        Width of a subdomain in units of their distance.
    edges : {"open", "wall", "absorbing"}
        "open" has no condition on the edges: the field is valid where waves from beyond them cannot have arrived.  On a
        "wall" p = 0.  "absorbing" lets waves out (Higdon 1986, two angles).
    degree : int
        Of the splines through the model; 1 where it jumps and `jump` is inf.
    jump : float
        Neighbouring nodes whose velocities differ by more than this fraction lie on two sides of an interface: the
        model is divided there into parts with features of their own.  `inf` for no interfaces.
    gradient : {"rows", "field"}
        How `gathers` is differentiated: exactly, through the rows, which sample the model at their points only; or by
        adjoint waves, a smooth kernel known at every node.
    velocities : (low, high), m/s, optional
        Velocities of other models that the features must represent as well: of those passed to `gathers`.
    seed : int
        Of the features and the points of the rows.

    Raises
    ------
    ConfigError
        If an argument is out of range, or the band needs more features than given or than a solve holds.
    ModelError
        If the model lacks a parameter, is not 2-D, or the physics carries more than one field.
    GeometryError
        If a source or receiver lies outside the model.

    Examples
    --------
    >>> import numpy as np, seisinv as si
    >>> model = si.Model(si.Grid((11, 11), 20.0), vp=1000.0)
    >>> pinn = PINN(si.Acoustic(), model, duration=0.05, wavenumber=0.08)
    >>> p = pinn(Initial(lambda z, x: np.exp(-((z - 100) ** 2 + (x - 100) ** 2) / 2 / 40**2)))
    >>> p(np.array([[100.0, 100.0, 0.0]])).round(2)
    array([[1.]])
    """

    physics: Physics
    model: Model
    survey: Survey | None = None
    _: KW_ONLY
    duration: float | None = None
    wavenumber: float | None = None
    frequency: float | None = None
    features: int | None = None
    windows: tuple[int, int, int] = (1, 1, 1)
    slabs: int = 1
    overlap: float = 2.9
    edges: str | None = None
    degree: int = 5
    jump: float = 0.2
    gradient: str = "rows"
    velocities: tuple[float, float] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        equation_of(self.physics, self.model.grid)
        self._complete()
        if (self.wavenumber is None) == (self.frequency is None):
            raise ConfigError("pass either wavenumber (rad/m) or frequency (Hz), not both and not neither")
        check_positive(duration=self.duration, wavenumber=self.wavenumber, frequency=self.frequency)
        check_choice("edges", self.edges, EDGES)
        check_choice("gradient", self.gradient, GRADIENTS)
        if self.gradient == "field" and self.physics != Acoustic():
            raise ModelError(f"the physics is {self.physics.name}; adjoint waves are acoustic: pass gradient='rows'")
        if not self.jump > 0:
            raise ConfigError(f"jump is {self.jump:g}; it must be positive, for example 0.2, or inf for no interfaces")
        if len(self.windows) != 3 or min(self.windows) < 1:
            raise ConfigError(f"windows is {self.windows}; give one number each along z, x and t, 1 or more")
        if self.slabs < 1:
            raise ConfigError(f"slabs is {self.slabs}; at least 1 is needed")
        if self.velocities is not None and not 0 < self.velocities[0] <= self.velocities[1]:
            raise ConfigError(f"velocities are {self.velocities} m/s; give the lowest, then the highest")
        if self.residual.differentiated and self.parts is not None:
            raise ModelError(
                f"vp jumps by more than {self.jump:.0%} and the equation has derivatives of "
                f"{', '.join(self.residual.differentiated)}; smooth the model, or pass jump=inf to interpolate across"
            )
        self._check_size()

    def __call__(self, *initial: Initial, accept: float = 0.05) -> Wavefield:
        """Return the wavefields from initial fields, or of the survey's shots; they share one factorisation.

        Parameters
        ----------
        initial : Initial
            One or more; none where there is a survey.
        accept : float
            Largest relative misfit of an initial field.

        Returns
        -------
        Wavefield
            Its `errors`, at points it was not fitted to: "initial", the misfit of p₀ over p₀; "equation", the residual
            over ∂²p/∂t²; "edges" and "interfaces", their rows over the largest p (r.m.s. each).

        Raises
        ------
        StabilityError
            If an initial field is not resolved to `accept`, or grew from one time window to the next.
        """
        if bool(initial) == (self.survey is not None):
            raise ConfigError(
                "pass either initial fields or a survey: at least one Initial, or none if the PINN has a survey"
            )
        value, rate = (None, None)
        errors: dict[str, np.ndarray] = {}
        points = places(self.partitions, CHECKED, self.seed + 1)
        if initial:
            value, rate = (torch.from_numpy(v) for v in sample(initial, self.system.rows[1].points))
        layers = np.stack([a.numpy() for a in self._march.solve(self.system, value, rate)])
        if initial:
            start = points * (1.0, 1.0, 0.0)
            exact, _ = sample(initial, start)
            errors["initial"] = ratio(self.basis.combine(start, layers[0]) - exact, exact)
            worst = int(np.argmax(errors["initial"]))
            if errors["initial"][worst] > accept:
                raise StabilityError(
                    f"initial field {worst} is resolved to {errors['initial'][worst]:.1%} only (limit {accept:.1%}); "
                    f"raise {self._band}, or keep the field away from the edges"
                )
        check_growth([np.abs(self.basis.combine(points, a)).max() for a in layers] if initial else [])
        rows = self._problem.fresh(without_gradients(self.model), points, self.seed + 1)
        errors |= self._march.errors(layers, rows, self._highest)
        return Wavefield(self.basis, layers, errors, step=self._step, sources=self._backgrounds)

    def gathers(self, model: Model | None = None) -> Gathers:
        """Return the survey's data, differentiable in the model.

        Parameters
        ----------
        model : Model, optional
            Another model on the same grid, solved in the features, points and background velocities of this one.

        Raises
        ------
        ConfigError
            If the surrogate has no survey.
        ModelError
            If the grid of the model is another one.

        Returns
        -------
        Gathers
            data [shot, receiver, time] in Pa (per unit of the source), as `Propagator` gives.
        """
        if self.survey is None:
            raise ConfigError("the surrogate has no survey; pass one, PINN(physics, model, survey)")
        own = model is None or model is self.model
        model = self.model if model is None else model
        if model.grid != self.model.grid:
            raise ModelError(f"the model's grid {model.grid} differs from the surrogate's {self.model.grid}")
        rows = self._problem.rows(model if self.gradient == "rows" else without_gradients(model))
        system = System(self.basis, rows, self.system.solver if own else self._factorise(rows))
        layers = self._march.solve(system)
        data = self._received(layers).to(model["vp"].dtype)
        if self.gradient == "field" and model["vp"].requires_grad:
            data = attach(data, model["vp"], lambda g: self._kernel(g, without_gradients(model), system, layers))
        return Gathers(data, self.survey)

    def _received(self, layers: Sequence[Tensor]) -> Tensor:
        """Return the fields of last layers at the receivers [shot, receiver, time]."""
        assert self.survey is not None
        times = self.survey.time.times
        data = torch.zeros(len(self.survey), self.survey.max_receivers, len(times), dtype=torch.float64)
        alike: dict[bytes, list[int]] = {}
        for i, shot in enumerate(self.survey.shots):
            alike.setdefault(shot.receivers.tobytes(), []).append(i)
        for shots in alike.values():
            receivers = self.survey.shots[shots[0]].receivers
            points = np.column_stack([np.repeat(receivers, len(times), 0), np.tile(times, len(receivers))])
            part = self._march.values(points, [a[:, shots] for a in layers])
            behind = np.stack([sum(b(points) for b in self._backgrounds[i]) for i in shots], 1)
            whole = (part + torch.from_numpy(behind)).T.reshape(len(shots), len(receivers), len(times))
            data = data.index_put((torch.tensor(shots)[:, None], torch.arange(len(receivers))[None]), whole)
        return data

    def _kernel(self, gradient: Tensor, model: Model, system: System, layers: Sequence[Tensor]) -> np.ndarray:
        """Return the derivative in vp of an objective whose derivative in the data is given, by adjoint waves."""
        assert self.survey is not None
        frequency = self._highest / (2 * pi)
        survey = reversed_survey(self.survey, gradient, frequency)
        waves = backgrounds(survey, residual_of(self.physics, model, degree=self.degree, parts=self.parts), self.parts)
        back = replace(self._march, sources=waves).solve(system)
        forward, adjoint = (
            Wavefield(self.basis, np.stack([a.numpy() for a in fields]), {}, self._step, sources)
            for fields, sources in ((layers, self._backgrounds), (back, waves))
        )
        found = kernel(forward, adjoint, grid=model.grid, end=survey.time.end, frequency=frequency)
        return found * 2 / model["vp"].double().numpy() ** 3

    @cached_property
    def residual(self) -> Residual:
        """The equation on features."""
        return residual_of(self.physics, without_gradients(self.model), degree=self.degree, parts=self.parts)

    @cached_property
    def needed(self) -> int:
        """Number of features that the band needs; `seisinv.surrogate.time.band` says how they are counted."""
        return int(self._each.sum())

    @cached_property
    def parts(self) -> Parts | None:
        """Parts of the model between its jumps, or None."""
        return parts_of(self.model.grid, self.model["vp"].detach().double().numpy(), self.jump)

    @cached_property
    def partitions(self) -> Partitions:
        """Subdomains along z, x and t, of one solve."""
        return partitions_of(self.model.grid, self._step * min(self.slabs, 2), self.windows, self.overlap)

    @cached_property
    def basis(self) -> Features:
        """The features."""
        each = self._each
        if self.features:
            each = np.ceil(each * (self.features / self.needed)).astype(int)
        features = cone(
            self.partitions,
            self._windows.velocities,
            wavenumber=self.wavenumber or inf,
            frequency=2 * pi * self.frequency if self.frequency else inf,
            each=int(each.max()),
            seed=self.seed,
            parts=self.parts,
        )
        return features if each.min() == each.max() else replace(features, used=each)

    @cached_property
    def system(self) -> System:
        """The factorised rows; computed at the first call, which takes most of its time."""
        rows = self._problem.rows(without_gradients(self.model))
        return System(self.basis, rows, self._factorise(rows))

    def _complete(self) -> None:
        """Fill in what follows from the survey, and check the rest against it."""
        grid, survey = self.model.grid, self.survey
        if self.edges is None:
            object.__setattr__(self, "edges", "open" if survey is None else "absorbing")
        if survey is None:
            if self.duration is None:
                raise ConfigError("duration is missing; pass it in s, or a survey")
            return
        survey.check_inside(grid)
        if survey.wavelet is None:
            raise DataError("the survey has no wavelet; pass one, for example survey.with_wavelet(si.ricker(8))")
        if survey.time.start != 0:
            raise DataError(
                f"the record starts at {survey.time.start:g} s; the surrogate starts at 0 s: pass data from there on"
            )
        if self.duration is None:
            object.__setattr__(self, "duration", survey.time.end)
        elif self.duration < survey.time.end:
            raise ConfigError(f"duration is {self.duration:g} s; the record ends at {survey.time.end:g} s")
        if self.frequency is None and self.wavenumber is None:
            object.__setattr__(self, "frequency", highest_frequency(survey))

    def _check_size(self) -> None:
        needed = self.needed
        many = self.windows != (1, 1, 1)
        most = MOST if many else LARGEST
        if needed > most:
            remedy = "pass a smaller model, lower the band" if many else "pass windows, for example windows=(8, 8, 1)"
            raise ConfigError(
                f"{self._band} over this model and {self.duration:g} s needs {needed} features; one "
                f"{'windowed' if many else 'dense'} solve is limited to {most}: {remedy} or raise slabs"
            )
        if self.features is not None and not needed <= self.features <= most:
            raise ConfigError(f"features is {self.features}; {self._band} needs {needed} to {most}: leave features out")

    @property
    def _band(self) -> str:
        return f"wavenumber {self.wavenumber:g} rad/m" if self.wavenumber else f"frequency {self.frequency:g} Hz"

    @property
    def _step(self) -> float:
        """Length of a time window, s."""
        assert self.duration is not None
        return self.duration / self.slabs

    @property
    def _highest(self) -> float:
        """Highest angular frequency of the band, rad/s."""
        if self.frequency:
            return 2 * pi * self.frequency
        assert self.wavenumber is not None
        return self.wavenumber * float(self.model["vp"].detach().max())

    @cached_property
    def _each(self) -> np.ndarray:
        """Features that each subdomain needs."""
        many = self.windows[0] * self.windows[1]
        held = 0.0 if self.edges == "open" else 1 / many
        return self._windows.features(wavenumber=self.wavenumber, frequency=self._highest, held=held)

    @cached_property
    def _backgrounds(self) -> tuple[tuple[Background, ...], ...]:
        return backgrounds(self.survey, self.residual, self.parts) if self.survey is not None else ()

    @cached_property
    def _windows(self) -> Subdomains:
        """Properties of the model in each subdomain."""
        behind = [list(self.velocities or ()) for _ in range(self.parts.count if self.parts else 1)]
        for b in (b for shot in self._backgrounds for b in shot):
            behind[b.part].append(b.speed)
        vp = self.model["vp"].detach().double().numpy()
        return windows_on(self.model.grid, vp, self.partitions, parts=self.parts, behind=behind)

    @property
    def _march(self) -> March:
        assert self.edges is not None
        return March(self.basis, self._step, self.slabs, self._backgrounds, self.edges)

    @cached_property
    def _problem(self) -> PINNProblem:
        assert self.edges is not None
        many, wavenumber = self.needed > LARGEST, self.wavenumber or self._highest / float(self._windows.lowest.min())
        return PINNProblem(
            self.physics, self.basis, self.degree, self.edges, self._highest, wavenumber, many, self.seed
        )

    def _factorise(self, rows: Sequence[Rows]) -> Solver:
        if self.needed > LARGEST:
            return factorise_windows(rows, self.basis)
        return factorise(matrix(rows, self.basis))
