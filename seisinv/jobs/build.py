"""The parts of an inversion that settings describe: propagator, wavelet, unknown, penalty, misfit, optimiser."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seisinv.core import Argument, ConfigError, DataError, Grid, Message, Model, Survey, ricker
from seisinv.core.arrays import read_table
from seisinv.jobs.models import speed_of
from seisinv.jobs.settings import UPDATES, WIDE, Settings
from seisinv.physics import wave_equation
from seisinv.synthetic import water_layer

if TYPE_CHECKING:
    from seisinv.inversion import Continuation, EstimateWavelet, Optimizer
    from seisinv.priors import Learned, Tikhonov, TotalVariation
    from seisinv.propagate import Propagator
    from seisinv.spread import TaskRunner
    from seisinv.unknowns import Unknown


SEAFLOOR = 4  # nodes above the seafloor that a layer of water leaves free


def propagator_of(settings: Settings, grid: Grid, survey: Survey, *, vp_max: float | None = None) -> Propagator:
    """Return the propagator that the settings describe; `vp_max` (m/s) fixes its step where they do not."""
    from seisinv.propagate import Boundary, Propagator

    p = settings.propagator
    return Propagator(
        wave_equation(p.physics),
        grid,
        survey,
        order=p.order,
        boundary=Boundary(width=p.boundary_width, free_surface=bool(p.free_surface)),
        vp_max=p.vp_max or vp_max,
        step=p.step,
        memory=_memory(settings),
        backend=p.backend,
        threads=settings.run.threads,
    )


def with_known_wavelet(settings: Settings, propagator: Propagator, survey: Survey) -> Propagator:
    """Return the propagator with the wavelet of the settings, or as it is where the wavelet is estimated."""
    if settings.wavelet.kind == "estimate":
        return propagator
    return propagator.replace(survey=survey.with_wavelet(_known_wavelet(settings, survey)))


def wavelet_of(settings: Settings) -> EstimateWavelet | str:
    """Return how the wavelet is estimated, or "known"."""
    from seisinv.inversion import EstimateWavelet

    w = settings.wavelet
    if w.kind != "estimate":
        return "known"
    return EstimateWavelet(per_shot=w.per_shot, length=w.length, damping=w.damping, search=w.search)


def _known_wavelet(s: Settings, survey: Survey) -> np.ndarray:
    time = survey.source_time
    if s.wavelet.kind == "ricker":
        if s.wavelet.peak is None:
            raise ConfigError("wavelet.peak is missing; a Ricker wavelet needs its peak frequency in Hz")
        return ricker(s.wavelet.peak)(time.times)
    if s.wavelet.path is None:
        raise ConfigError("wavelet.path is missing; name the text file of the wavelet's samples")
    if not Path(s.wavelet.path).is_file():
        raise ConfigError(f"wavelet.path {s.wavelet.path} is not found; name the text file of the wavelet's samples")
    try:
        samples = read_table(s.wavelet.path, axes=1)
    except DataError as error:
        raise error.within("wavelet.path") from None
    if samples.ndim != 1 or len(samples) > time.samples:
        raise ConfigError(
            f"wavelet.path holds {samples.shape} numbers; give one column of at most {time.samples} samples, "
            f"{time.step * 1e3:g} ms apart"
        )
    return np.pad(samples, (0, time.samples - len(samples)))


def _memory(settings: Settings) -> Any:
    from seisinv.propagate import Automatic, Checkpointed, StoreAll

    p = settings.propagator
    makers: dict[str, Callable[[], Any]] = {
        "automatic": lambda: Automatic(budget=None if p.memory_budget is None else int(p.memory_budget)),
        "store": StoreAll,
        "checkpoints": Checkpointed,
    }
    return makers[p.memory]()


def unknown_of(settings: Settings, start: Model) -> Unknown:
    """Return the unknown of an inversion: the starting model within the bounds, described as the settings say."""
    from seisinv.unknowns import Bounded, CubicSpline, Decoder, Siren

    bounds = {name: (pair[0], pair[1]) for name, pair in bounds_of(settings).items()}
    strange = [name for name in bounds if name not in start.parameters]
    if strange:
        raise ConfigError(
            f"inversion.bounds names {strange[0]}, which {settings.propagator.physics} does not have; "
            f"it has {', '.join(start)}"
        )
    u, water, seed = settings.unknown, water_of(settings, start), settings.run.seed
    if u.kind == "grid":
        return Bounded(start, water=water, **bounds)
    if u.kind == "spline":
        return CubicSpline(start, knots=u.knots[0] if len(u.knots) == 1 else u.knots, water=water, **bounds)
    if u.kind == "siren":
        return Siren(start, size=u.size, width=u.width, depth=u.depth, omega=u.omega, seed=seed, water=water, **bounds)
    return Decoder(start, size=u.size, channels=u.channels, levels=u.levels, seed=seed, water=water, **bounds)


def bounds_of(settings: Settings) -> Mapping[str, Sequence[float]]:
    """Return the bounds of the unknowns in SI units, those of the waves' speed where none are set."""
    if settings.inversion.bounds is not None:
        return settings.inversion.bounds
    speed = speed_of(wave_equation(settings.propagator.physics))
    return {speed: WIDE[speed]}


def water_of(settings: Settings, start: Model) -> float | np.ndarray | None:
    """Return the depth (m) or the mask of the water that keeps the starting model, None without any.

    Of a layer, the nodes next to the seafloor are free: a seafloor between two nodes can only be told by a velocity
    between those of water and rock, and without it all of the model makes up for the echo that comes too early or late.
    """
    water = settings.inversion.water
    if not isinstance(water, str):
        return water
    if "vp" not in start:
        raise ConfigError(
            Message(Argument("inversion.water"), f" is 'layer', which vp tells; there is only {', '.join(start)}"),
            remedy="give the depth of the water in m, or leave it out",
        )
    wet = water_layer(start.vp.numpy())
    if "vs" in bounds_of(settings):  # next to the seafloor too: between water and rock no vs is that of both
        return wet
    wet[:-SEAFLOOR] = wet[SEAFLOOR:].copy()
    wet[-SEAFLOOR:] = False
    return wet


def penalty_of(settings: Settings) -> Tikhonov | TotalVariation | Learned | None:
    """Return the penalty or the prior that the settings name; what they leave open is its own default."""
    from seisinv import priors

    p = settings.penalty
    names = ("sigmas", "every", "targets", "draws", "finish", "weights")
    given = {n: v for n in names if (v := getattr(p, n)) is not None}
    if given and p.kind != "learned":
        raise ConfigError(f"penalty.{next(iter(given))} is set, but penalty.kind is {p.kind!r}; set it to learned")
    given |= {} if p.weight is None else {"weight": p.weight}
    if p.kind == "none":
        return None
    if p.kind == "learned":
        return priors.Learned(**given)
    if p.kind == "tikhonov":
        return priors.Tikhonov(**given, order=p.order, length=p.length)
    return priors.TotalVariation(**given, length=p.length)


def penalty_record(settings: Settings, start: Model, notes: list[str]) -> dict[str, Any]:
    """Return the penalty's own defaults by key of [penalty]; refuse a prior that cannot serve this job."""
    from seisinv.priors import Learned

    penalty, kind = penalty_of(settings), settings.penalty.kind
    if penalty is None:
        return {}
    if settings.penalty.weight is None:
        notes.append(f"penalty: weight {penalty.weight:g}, the default of {kind}")
    chosen: dict[str, Any] = {"weight": penalty.weight}
    if not isinstance(penalty, Learned):
        return chosen
    if "vp" not in bounds_of(settings):
        raise ConfigError(
            "penalty.kind is 'learned', a prior for vp, but inversion.bounds leaves vp out; use another kind"
        )
    penalty.check(start)
    chosen |= {n: getattr(penalty, n) for n in ("every", "targets", "draws", "finish")}
    return chosen | {"sigmas": list(penalty.sigmas)}


def optimizer_of(s: Settings) -> Optimizer:
    """Return the optimiser that the settings name."""
    from seisinv.inversion import LBFGS, Adam

    iterations = s.inversion.iterations or UPDATES
    if s.inversion.optimizer == "adam":
        return Adam(iterations=iterations, rate=s.inversion.rate)
    return LBFGS(iterations=iterations, tolerance=s.inversion.tolerance, slow=s.inversion.slow or 0.0)


def continuation_of(s: Settings) -> Continuation | None:
    """Return the continuation by traveltimes that the settings describe, or None where bands fit waveforms alone."""
    from seisinv.inversion import LBFGS, Continuation
    from seisinv.misfit import Envelope, TravelTime

    c = s.continuation
    kinds = {
        "traveltime": TravelTime(),
        "envelope_traveltime": TravelTime(envelope=True),
        "envelope": Envelope(),
    }
    if c.kind == "none":
        return None
    return Continuation(
        misfit=kinds[c.kind],
        optimizer=LBFGS(iterations=c.iterations, tolerance=s.inversion.tolerance),
        attempts=c.attempts,
        periods=c.periods,
        aim=c.aim,
        percentile=c.percentile,
    )


def watched_of(s: Settings, shots: int) -> list[int]:
    """Return the indices of the shots that are watched: the middles of equal parts of the line."""
    count = s.inversion.watched or 0
    if count >= shots:
        raise ConfigError(
            f"inversion.watched is {count} of {shots} shots; use {shots - 1} or less, so that some are inverted"
        )
    return [int((k + 0.5) * shots / count) for k in range(count)]


def window_of(s: Settings) -> Any:
    """Return the data window of the settings, or None where nothing is muted."""
    from seisinv.signal import Window

    w = s.window
    parts: dict[str, Any] = {
        n: tuple(v) for n in ("offsets", "time", "before", "after") if (v := getattr(w, n)) is not None
    }
    apart = w.apart or 0.0
    return Window(**parts, taper=w.taper, apart=apart) if parts or apart else None


def cluster_of(s: Settings, *, submit: bool = True) -> AbstractContextManager[TaskRunner]:
    """Open the cluster that the settings name, for a `with` block; without one, this process.

    Without `submit`, a queue stays as it is.
    """
    from seisinv.spread import opened
    from seisinv.spread.cluster import QUEUES

    where, run = check_cluster_of(s), s.run
    if where in QUEUES and not submit:
        return opened(None)
    return opened(where, jobs=run.jobs, insecure=run.insecure, threads=run.threads)


def check_cluster_of(s: Settings) -> str | None:
    """Refuse settings that name no cluster; return the name, None for this process."""
    from seisinv.spread import check_cluster

    where = None if s.run.cluster == "none" else s.run.cluster
    check_cluster(where, jobs=None if s.run.cluster == "none" else s.run.jobs, insecure=s.run.insecure)
    return where
