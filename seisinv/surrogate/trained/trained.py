"""A surrogate trained by gradients: the general mode, and the baseline of the least-squares one.

Every layer is trained, not only the last, so that only the equation itself has to be linear;
what the least squares of `seisinv.surrogate.PINN` find in seconds to 1e-3 takes minutes here and ends at some per cent
(docs/results/trained.md).  Initial fields and walls are satisfied by the ansatz, not by a penalty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from seisinv.core import ConfigError, Model, StabilityError
from seisinv.core.checks import check_least
from seisinv.physics import Physics
from seisinv.surrogate.checks import CHECKED, EDGES, check_choice, check_positive
from seisinv.surrogate.features import Partitions, partitions_of
from seisinv.surrogate.field import ratio, rms
from seisinv.surrogate.initial import Initial
from seisinv.surrogate.jets import VALUE
from seisinv.surrogate.residual import Medium, Residual, residual_of, without_gradients
from seisinv.surrogate.trained.ansatz import Ansatz, Start, fine_grid, start_of
from seisinv.surrogate.trained.network import Network
from seisinv.surrogate.trained.training import Training, TrainingEquations, TrainingSchedule, TrainingStep
from seisinv.surrogate.trained.wavefield import TrainedField, TrainedWavefield

PLAIN = Network(windows=(1, 1, 1), width=64, depth=4, activation="tanh")  # the plain PINN of the literature
WALL = 0.01  # largest initial field on a wall, of its maximum


@dataclass(frozen=True, eq=False)
class TrainedPINN:
    """Gradient-trained surrogate of a wave equation in one model.

    Parameters
    ----------
    physics : Physics
        Its `equations()` are the residual; one field, second order in time, linear.
    model : Model
        Its grid is the domain.
    duration : float, s
    wavenumber : float, rad/m
        Largest wavenumber of the initial fields; 2 π f / vp for a frequency f.
    network : Network
        By default a finite-basis network of sines; `PLAIN` is a plain PINN.
    recipe : TrainingSchedule
    edges : {"open", "wall", "absorbing"}
        As for `PINN`; "wall" is satisfied by the ansatz, "absorbing" is part of what is minimised.
    seed : int
        Of the initial weights and the points.

    Raises
    ------
    ConfigError
        If an argument is out of range.
    ModelError
        If the model lacks a parameter, is not 2-D, or the physics carries more than one field.

    Examples
    --------
    >>> import numpy as np, seisinv as si
    >>> model = si.Model(si.Grid((11, 11), 20.0), vp=1000.0)
    >>> recipe = TrainingSchedule(steps=2, polish=2)
    >>> pinn = TrainedPINN(si.Acoustic(), model, duration=0.05, wavenumber=0.08, recipe=recipe)
    >>> p = pinn(Initial(lambda z, x: np.exp(-((z - 100) ** 2 + (x - 100) ** 2) / 2 / 40**2)))
    >>> p(np.array([[100.0, 100.0, 0.0]])).round(2)
    array([[1.]])
    """

    physics: Physics
    model: Model
    duration: float
    wavenumber: float
    network: Network = field(default_factory=Network)
    recipe: TrainingSchedule = field(default_factory=TrainingSchedule)
    edges: str = "open"
    seed: int = 0

    def __post_init__(self) -> None:
        check_positive(duration=self.duration, wavenumber=self.wavenumber)
        check_choice("edges", self.edges, EDGES)
        check_least(self, 0, "seed")
        _ = self.residual, self.partitions  # refuse what they cannot use

    def __call__(
        self,
        *initial: Initial,
        accept: float = 0.05,
        directory: Path | str | None = None,
        resume: bool = False,
        progress: Callable[[TrainingStep], None] | None = None,
    ) -> TrainedWavefield:
        """Train networks for initial fields, one after the other, and return the wavefields.

        Parameters
        ----------
        initial : Initial
            One or more; each is a training of its own.
        accept : float
            Largest relative misfit of an initial field.
        directory : path, optional
            Where checkpoints are kept.
        resume : bool
            Resume from them; on the same machine and number of threads the result is that of an uninterrupted training.
        progress : callable, optional
            Called with a `TrainingStep` after every update.

        Returns
        -------
        TrainedWavefield
            Its `errors` are those of `Wavefield`.

        Raises
        ------
        StabilityError
            If an initial field is not resolved to `accept`.
        RunError
            If the directory holds another training, or one and `resume` is False, or the training diverges.
        KeyboardInterrupt
            After Ctrl-C; the current update is finished and a checkpoint written first.
        """
        if not initial:
            raise ConfigError("no initial field is given; pass at least one Initial")
        if resume and directory is None:
            raise ConfigError("resume=True needs the directory of the training; pass directory=…")
        starts = [self._start(k, one, accept) for k, one in enumerate(initial)]
        fields, errors = [], []
        for k, start in enumerate(starts):
            file = None if directory is None else Path(directory) / f"field-{k}.safetensors"
            equations = self._equations(start)
            ansatz = equations.ansatz
            low, high = self._velocities
            cones = {"wavenumber": self.wavenumber, "low": low, "high": high}
            first = self.network.first(self.partitions, ansatz.scale, cones=cones, seed=self.seed)
            training = Training(equations, self.recipe, first, file=file, identity=self._identity(start))
            training.open(resume)
            fields.append(TrainedField(ansatz, tuple(training.run(progress))))
            errors.append(self._errors(equations, fields[-1], initial[k]))
        return TrainedWavefield(tuple(fields), {n: np.array([e[n] for e in errors]) for n in errors[0]})

    @cached_property
    def residual(self) -> Residual:
        """The equation on the field."""
        return residual_of(self.physics, without_gradients(self.model))

    @cached_property
    def partitions(self) -> Partitions:
        """Subdomains along z, x and t."""
        return partitions_of(self.model.grid, self.duration, self.network.windows, self.network.overlap)

    @property
    def _velocities(self) -> tuple[float, float]:
        vp = self.model["vp"].detach()
        return float(vp.min()), float(vp.max())

    def _start(self, number: int, initial: Initial, accept: float) -> Start:
        """Return an initial field as splines, checked between their nodes."""
        grid = fine_grid(self.model.grid.extent, self.wavenumber)
        z, x = np.meshgrid(grid.coordinates("z"), grid.coordinates("x"), indexing="ij")
        value, rate = initial.at(z, x)
        start = start_of(grid, value, rate, self._velocities[1])
        between = np.stack([(z + grid.spacing[0] / 2)[:-1, :-1].ravel(), (x + grid.spacing[1] / 2)[:-1, :-1].ravel()])
        value, rate = initial.at(*between)
        points = np.column_stack([*between, np.zeros(between.shape[1])])
        found = np.concatenate([start.derivative(points, VALUE), start.time * start.derivative(points, (0, 0, 1))])
        wanted = np.concatenate([value, start.time * rate])
        misfit = float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))
        if misfit > accept:
            raise StabilityError(
                f"initial field {number} is resolved to {misfit:.1%} only (limit {accept:.1%}); raise wavenumber above "
                f"{self.wavenumber:g} rad/m"
            )
        rim = np.concatenate([np.concatenate([f[0], f[-1], f[:, 0], f[:, -1]]) for f in (start.value, start.rate)])
        if self.edges == "wall" and np.abs(rim).max() > WALL * max(np.abs(start.value).max(), np.abs(start.rate).max()):
            raise ConfigError(
                f"initial field {number} does not vanish on the walls; pass one that is away from the edges"
            )
        return start

    def _equations(self, start: Start) -> TrainingEquations:
        scale = self.network.scale(self.partitions, self.wavenumber, self._velocities[1])
        ansatz = Ansatz(self.network, self.partitions, scale, start, self.edges == "wall")
        vp = self.model["vp"].detach().double().numpy()
        velocity = Medium(self.model.grid, {"vp": vp}) if self.edges == "absorbing" else None
        return TrainingEquations(self.residual, ansatz, velocity, self.seed)

    def _identity(self, start: Start) -> dict[str, object]:
        """Return everything that the parameters depend on."""
        values = [self.model[n].detach().numpy() for n in self.physics.parameters]
        grid = self.model.grid
        return {
            "physics": self.physics.name,
            "model": [grid.shape, grid.spacing, grid.origin, _digest(*values)],
            "initial field": _digest(start.value, start.rate),
            "duration": self.duration,
            "wavenumber": self.wavenumber,
            "network": asdict(self.network),
            "recipe": asdict(self.recipe),
            "edges": self.edges,
            "seed": self.seed,
        }

    def _errors(self, equations: TrainingEquations, found: TrainedField, initial: Initial) -> dict[str, np.ndarray]:
        """Return relative errors at points that were not trained on."""
        points = equations.points(CHECKED, self.recipe.steps + 1)
        start = points * (1.0, 1.0, 0.0)
        value, _ = initial.at(start[:, 0], start[:, 1])
        at_start = found.form(start, {VALUE: 1.0})
        left = found.form(points, self.residual.form(points))
        errors = {
            "initial": ratio(at_start - value, value),
            "equation": ratio(left, found.form(points, {(0, 0, 2): 1.0})),
        }
        if equations.velocity is not None:
            edge, form = equations.edges(points)
            frequency = self.wavenumber * self._velocities[1]
            errors["edges"] = rms(found.form(edge, form)) / frequency / np.abs(at_start).max()
        elif self.edges == "wall":
            errors["edges"] = np.zeros(())
        return errors


def _digest(*arrays: np.ndarray) -> str:
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()
