"""What an inversion solves for and what holds it: the unknown and the penalty that settings describe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seisinv.core import ConfigError, Model
from seisinv.jobs import config
from seisinv.jobs.settings import Settings

if TYPE_CHECKING:
    from seisinv.priors import Learned, Tikhonov, TotalVariation
    from seisinv.unknowns import Unknown


def unknown_of(settings: Settings, start: Model) -> Unknown:
    """Return the unknown of an inversion: the start model within the bounds, described as the settings say."""
    from seisinv.unknowns import Bounded, CubicSpline, Decoder, Siren

    bounds = {name: (pair[0], pair[1]) for name, pair in settings.inversion.bounds.items()}
    strange = [name for name in bounds if name not in start.parameters]
    if strange:
        raise ConfigError(
            f"inversion.bounds names {strange[0]}, which {settings.propagator.physics} does not have; "
            f"it has {', '.join(start)}"
        )
    u, water, seed = settings.unknown, settings.inversion.water, settings.run.seed
    if u.kind == "grid":
        return Bounded(start, water=water, **bounds)
    if u.kind == "spline":
        return CubicSpline(start, knots=u.knots[0] if len(u.knots) == 1 else u.knots, water=water, **bounds)
    if u.kind == "siren":
        return Siren(start, size=u.size, width=u.width, depth=u.depth, omega=u.omega, seed=seed, water=water, **bounds)
    return Decoder(start, size=u.size, channels=u.channels, levels=u.levels, seed=seed, water=water, **bounds)


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


def with_penalty(settings: Settings, start: Model, notes: list[str]) -> Settings:
    """Write down the penalty's own defaults; refuse a prior that cannot serve this job."""
    from seisinv.priors import Learned

    penalty, kind = penalty_of(settings), settings.penalty.kind
    if penalty is None:
        return settings
    if settings.penalty.weight is None:
        notes.append(f"penalty: weight {penalty.weight:g}, the default of {kind}")
        settings = config.replaced(settings, penalty__weight=penalty.weight)
    if not isinstance(penalty, Learned):
        return settings
    if "vp" not in settings.inversion.bounds:
        raise ConfigError(
            "penalty.kind is 'learned', a prior for vp, but inversion.bounds leaves vp out; use another kind"
        )
    penalty.check(start)
    chosen = {f"penalty__{n}": getattr(penalty, n) for n in ("every", "targets", "draws", "finish")}
    return config.replaced(settings, **chosen, penalty__sigmas=list(penalty.sigmas))
