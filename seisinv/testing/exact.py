"""Exact seismograms of homogeneous media and of one plane, absolute amplitudes, to test wave simulators against.

Fields vary as e^{iωt}; k = ω/vp or ω/vs, and G(k) is the outgoing wave of (∇² + k²) G = −δ: −(i/4) H₀⁽²⁾(kr) in 2-D
and e^{−ikr} / 4πr in 3-D.  In a full space

    a force f gives          u = (ks² Gs f + ∇∇·(Gs − Gp) f) / ρω²
    a moment rate w gives    v = −w ∇Gp / ρvp²

(in time and 3-D: Stokes 1849; Aki & Richards 2002, eq. 4.23).  A moment rate is a source of stress, ∂s_zz/∂t = … − w δ
and the same for the other normal stresses.  Below a plane, for each horizontal wavenumber k,

    u = ∇φ + ∇×(ψ ŷ),   φ = A e^{ikx − νp z},   ψ = B e^{ikx − νs z},   ν = √(k² − ω²/c²),

where A and B follow from the boundary conditions (half space: Lamb 1904; fluid over solid: de Hoop & van der Hijden
1983); the sum over equidistant k (Bouchon & Aki 1977) is exact, for its images come after the record.  Frequencies are
complex (Phinney 1965): no pole is met, and what wraps around in time is 1e-9.

Positions are (z, x), or (z, y, x) in 3-D, in m, z down; forces and velocities have their components in this order.
Pressure is minus the mean normal stress of 2-D or 3-D, without the δ at a source.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import erfc, hankel2

Array = np.ndarray
Function = Callable[[Array], Array]
Pair = tuple[Array, Array]
Mechanism = Sequence[float] | Literal["explosion"]
OfWavenumber = Callable[[Array, complex], Pair]  # of wavenumbers and a frequency


@dataclass(frozen=True)
class Material:
    """A homogeneous isotropic medium: vp and vs in m/s, rho in kg/m³; vs = 0 is a fluid."""

    vp: float
    vs: float
    rho: float

    def __post_init__(self) -> None:
        if not (0 <= self.vs < self.vp and self.rho > 0):
            raise ValueError(f"{self}: 0 <= vs < vp, m/s, and rho > 0, kg/m³, are needed")

    def decay(self, k: Array, omega: complex) -> Pair:
        """Return νp and νs, 1/m, with positive real parts; a fluid shears at 1 mm/s, too slow to matter."""
        return np.sqrt(k**2 - (omega / self.vp) ** 2), np.sqrt(k**2 - (omega / max(self.vs, 1e-3)) ** 2)

    def compression(self, dimensions: int) -> float:
        """Return pressure over ω²φ, kg/m³: the bulk modulus, λ + μ in 2-D and λ + 2μ/3 in 3-D, over vp²."""
        return self.rho * (1 - 2 * (dimensions - 1) / dimensions * (self.vs / self.vp) ** 2)


@dataclass(frozen=True, eq=False)
class Experiment:
    """A source, its wavelet, and where and when it is recorded.

    Parameters
    ----------
    source : (2,) or (3,) sequence, m
        Position (z, x) or (z, y, x).
    receivers : (receiver, 2) or (receiver, 3) array, m
        Positions, none at the source.
    wavelet : callable
        Function of times in s, zero before 0; its unit depends on the source.
    times : (time,) array, s
        Times from 0, with a constant step that samples the wavelet well.

    Raises
    ------
    ValueError
        If the shapes do not match, a receiver is at the source, or the times are not equidistant from 0.

    Examples
    --------
    >>> Experiment([50, 0], [[300, 400]], np.sin, 0.004 * np.arange(100)).offsets
    array([[250., 400.]])
    """

    source: Array | Sequence[float]
    receivers: Array | Sequence[Sequence[float]]
    wavelet: Function
    times: Array
    offsets: Array = field(init=False, repr=False)  # receivers minus source

    def __post_init__(self) -> None:
        source, receivers = np.asarray(self.source, float), np.asarray(self.receivers, float)
        if source.shape not in ((2,), (3,)) or receivers.ndim != 2 or receivers.shape[1:] != source.shape:
            raise ValueError(f"source and receivers must be (2,) and (n, 2) or (3,) and (n, 3), not {receivers.shape}")
        object.__setattr__(self, "offsets", receivers - source)
        if not np.linalg.norm(self.offsets, axis=1).all():
            raise ValueError(f"a receiver is at the source, {source} m, where the field is infinite; move it")
        step = np.diff(self.times)
        if not len(step) or self.times[0] != 0 or step[0] <= 0 or not np.allclose(step, step[0], rtol=1e-6):
            raise ValueError("the times, s, must start at 0 and have a constant step")

    def image(self) -> Array:
        """Return receivers minus the image of the source at the surface z = 0, m."""
        highest = self.source[0] + min(0.0, self.offsets[:, 0].min())
        if highest < 0:
            raise ValueError(f"z = {highest:g} m is above the free surface, z = 0")
        return self.offsets + np.array([2 * self.source[0], *[0] * (len(self.source) - 1)])

    def spectrum(self) -> tuple[Array, Callable[[Array], Array]]:
        """Return the complex frequencies of the wavelet, rad/s, and the way from Green's functions to traces."""
        dt, n = self.times[1], 8 * len(self.times)
        eta = np.log(1e9) / (n * dt)  # damping that makes the wrapped-around tail 1e-9
        fine = dt * np.arange(n)
        spectrum = np.fft.rfft(self.wavelet(fine) * np.exp(-eta * fine)) * dt
        omega = 2 * np.pi * np.fft.rfftfreq(n, dt) - 1j * eta
        kept = np.abs(spectrum) >= 1e-8 * np.abs(spectrum).max()  # the rest is not worth its work

        def traces(green: Array) -> Array:
            every = np.zeros((*green.shape[:-1], len(omega)), complex)
            every[..., kept] = green * spectrum[kept]
            return np.asarray(np.fft.irfft(every, n)[..., : len(self.times)] / dt * np.exp(eta * self.times))

        return omega[kept], traces


class Seismograms(NamedTuple):
    """Particle velocity [component, receiver, time], m/s, and pressure [receiver, time], Pa."""

    velocity: Array
    pressure: Array


def full_space(medium: Material, experiment: Experiment, mechanism: Mechanism) -> Seismograms:
    """Return the waves of a force or an explosion in a medium without boundaries.

    Parameters
    ----------
    medium : Material
        The solid or fluid.
    experiment : Experiment
        In 2-D or 3-D; its wavelet is the force, N/m in 2-D and N in 3-D, or the isotropic moment rate of an explosion,
        N m/s per m of line in 2-D and N m/s in 3-D.
    mechanism : (2,) or (3,) sequence, or "explosion"
        A force: its direction, and a factor to the wavelet.

    Returns
    -------
    Seismograms
        Velocity and pressure.

    Raises
    ------
    ValueError
        If the force has not as many components as the positions, or acts in a fluid.

    Examples
    --------
    >>> pulse, times = lambda t: np.exp(-(((t - 0.15) / 0.03) ** 2)), 0.004 * np.arange(200)
    >>> experiment = Experiment([0, 0, 0], [[600, 0, 0], [0, 0, 600]], pulse, times)
    >>> v = full_space(Material(2000.0, 1155.0, 2000.0), experiment, [1, 0, 0]).velocity
    >>> times[v[0].argmax(axis=1)].round(2)  # slopes of the pulse after 0.3 s, a P wave, and 0.52 s, an S wave
    array([0.43, 0.65])
    >>> p = full_space(Material(2000.0, 0.0, 1000.0), experiment, "explosion").pressure
    >>> slope = (pulse(times - 0.3 + 1e-6) - pulse(times - 0.3 - 1e-6)) / 2e-6
    >>> np.allclose(p[1], slope / (4 * np.pi * 600 * 2000**2), atol=1e-6 * abs(p).max())
    True
    """
    omega, traces = experiment.spectrum()
    v, p = _full_space(medium, experiment.offsets, mechanism, omega)
    return Seismograms(traces(v), traces(p))


def half_space(medium: Material, experiment: Experiment, mechanism: Mechanism) -> Seismograms:
    """Return the waves of a force or an explosion below the free surface z = 0 (Lamb 1904; Garvin 1956).

    In a solid, the work grows as the inverse of the shortest distance of a receiver from the image of the source.

    Parameters
    ----------
    medium : Material
        The solid or fluid in z > 0.
    experiment : Experiment
        In 2-D, or in a fluid also 3-D, all at z ≥ 0; the wavelet is that of `full_space`.
    mechanism : (2,) sequence or "explosion"
        A force, which may be on the surface: its direction, and a factor to the wavelet.

    Returns
    -------
    Seismograms
        Velocity and pressure.

    Raises
    ------
    ValueError
        If a position is above the surface, or as in `full_space`.

    Examples
    --------
    >>> pulse, times = lambda t: np.exp(-(((t - 0.15) / 0.05) ** 2)), 0.008 * np.arange(100)
    >>> rock = Material(2000.0, 1155.0, 2000.0)
    >>> there = half_space(rock, Experiment([0, 0], [[0, 300]], pulse, times), [1, 0]).velocity[1, 0]
    >>> back = half_space(rock, Experiment([0, 300], [[0, 0]], pulse, times), [0, 1]).velocity[0, 0]
    >>> np.allclose(there, back, atol=1e-6 * abs(there).max())  # reciprocity
    True
    """

    def tractions(k: Array, omega: complex) -> Pair:
        """Return s_zz and s_xz that undo at z = 0 what the source and its image, of opposite sign, do there."""
        up, us = (np.exp(-nu * experiment.source[0]) for nu in medium.decay(k, omega))
        if isinstance(mechanism, str):
            return 0 * k, 2 * k * (medium.vs / medium.vp) ** 2 * up / omega
        bend, (fz, fx) = 2 * (k * medium.vs / omega) ** 2, mechanism
        return fz * (bend * (up - us) - up), fx * (bend * (us - up) - us)

    def potentials(k: Array, omega: complex) -> Pair:
        szz, sxz = (traction / (medium.rho * medium.vs**2) for traction in tractions(k, omega))
        up, us = medium.decay(k, omega)
        bend = 2 * k**2 - (omega / medium.vs) ** 2
        rayleigh = bend**2 - 4 * k**2 * up * us
        return (bend * szz - 2j * k * us * sxz) / rayleigh, -(bend * sxz + 2j * k * up * szz) / rayleigh

    image, (omega, traces) = experiment.image(), experiment.spectrum()
    direct, mirrored = (_full_space(medium, at, mechanism, omega) for at in (experiment.offsets, image))
    v, p = direct[0] - mirrored[0], direct[1] - mirrored[1]
    if medium.vs > 0:  # in a fluid the image is all; in a solid it spares a shallow source the loss of digits
        if len(experiment.source) != 2:
            raise ValueError("the half space of a solid is for positions (z, x)")
        at, paths = image - np.array([experiment.source[0], 0]), np.linalg.norm(image, axis=1)
        speeds = (medium.vp, medium.vs)
        surface = _below(medium, potentials, at, omega, paths=paths, speeds=speeds, duration=experiment.times[-1])
        v, p = v + surface[0], p + surface[1]
    return Seismograms(traces(v), traces(p))


def fluid_over_solid(fluid: Material, solid: Material, experiment: Experiment, *, interface: float) -> Seismograms:
    """Return the 2-D waves of a line source of volume in a fluid above a solid, or above another fluid.

    The source is that of `seisinv.physics.AcousticDensity`: ∂p/∂t = K (−∇·v + s δ).  The work grows as the inverse of
    the shortest path from the source by the interface to a receiver.

    Parameters
    ----------
    fluid, solid : Material
        The media in z < interface and in z > interface.
    experiment : Experiment
        In 2-D, the source in the fluid, receivers in both (at the interface: in the solid); its wavelet is the rate of
        volume injection s, m³/s per m of line.
    interface : float, m
        Depth of the interface.

    Returns
    -------
    Seismograms
        Velocity and pressure.

    Raises
    ------
    ValueError
        If the source is not in a fluid above the interface.

    Examples
    --------
    >>> pulse, times = lambda t: np.exp(-(((t - 0.15) / 0.05) ** 2)), 0.008 * np.arange(60)
    >>> experiment = Experiment([0, 0], [[99.99, 50], [100, 50]], pulse, times)  # on both sides of the sea floor
    >>> water, rock = Material(1500, 0, 1000), Material(2000, 800, 2000)
    >>> vz, vx = fluid_over_solid(water, rock, experiment, interface=100.0).velocity
    >>> [np.allclose(v[0], v[1], atol=1e-3 * abs(v).max()) for v in (vz, vx)]
    [True, False]
    """
    height = interface - experiment.source[0]
    if fluid.vs != 0 or len(experiment.source) != 2 or not height > 0:
        raise ValueError(f"{experiment.source} m must be (z, x) above z = {interface:g} m, in a fluid, not in {fluid}")

    def meeting(k: Array, omega: complex) -> tuple[Array, Array, Array, Array]:
        """Return φ of the wave that meets the interface, Rayleigh's and Scholte's functions, and νp of the solid."""
        nu, (up, us), g = fluid.decay(k, omega)[0], solid.decay(k, omega), (solid.vs / omega) ** 2
        rayleigh = (1 - 2 * g * k**2) ** 2 - 4 * g**2 * k**2 * up * us  # 1 for a fluid
        return 0.5j * np.exp(-nu * height) / (nu * omega), rayleigh, rayleigh + fluid.rho * up / (solid.rho * nu), up

    def reflected(k: Array, omega: complex) -> Pair:
        incident, rayleigh, scholte, _ = meeting(k, omega)
        return incident * (2 * rayleigh / scholte - 1), 0 * k

    def transmitted(k: Array, omega: complex) -> Pair:
        incident, _, scholte, up = meeting(k, omega)
        scale, g = 2 * fluid.rho / solid.rho * incident / scholte, (solid.vs / omega) ** 2
        return (1 - 2 * g * k**2) * scale, 2j * k * g * up * scale

    omega, traces = experiment.spectrum()
    above = experiment.offsets[:, 0] < height
    away = np.stack([np.abs(experiment.offsets[:, 0] - height), experiment.offsets[:, 1]], 1)
    paths, speeds = np.hypot(height + away[:, 0], away[:, 1]), (fluid.vp, solid.vp, solid.vs or solid.vp)
    v, p = np.empty((2, len(away), len(omega)), complex), np.empty((len(away), len(omega)), complex)
    for medium, here, potentials in ((fluid, above, reflected), (solid, ~above, transmitted)):
        if here.any():
            v[:, here], p[here] = _below(
                medium, potentials, away[here], omega, paths=paths[here], speeds=speeds, duration=experiment.times[-1]
            )
    v[0, above] *= -1  # the reflected wave goes up
    for total, direct in zip((v, p), _full_space(fluid, experiment.offsets[above], "explosion", omega), strict=True):
        total[..., above, :] += fluid.rho * fluid.vp**2 * direct
    return Seismograms(traces(v), traces(p))


def antiplane(medium: Material, experiment: Experiment, *, free_surface: bool = False) -> Array:
    """Return the 2-D SH waves of a line force along y: vy = iω f Gs / ρvs², and its image if z = 0 is a free surface.

    Parameters
    ----------
    medium : Material
        The solid.
    experiment : Experiment
        In 2-D; its wavelet is the force, N/m.
    free_surface : bool
        Whether the solid ends at z = 0, or nowhere.

    Returns
    -------
    (receiver, time) array, m/s
        Velocity vy.

    Raises
    ------
    ValueError
        If the medium is a fluid, or a position is above the surface.

    Examples
    --------
    >>> pulse, times = lambda t: np.exp(-(((t - 0.15) / 0.03) ** 2)), 0.004 * np.arange(100)
    >>> rock, experiment = Material(2000.0, 1155.0, 2000.0), Experiment([50, 0], [[0, 90]], pulse, times)
    >>> np.allclose(2 * antiplane(rock, experiment), antiplane(rock, experiment, free_surface=True))
    True
    """
    if medium.vs == 0 or len(experiment.source) != 2:
        raise ValueError(f"a solid, not {medium}, and positions (z, x), not {experiment.source}, are needed")
    omega, traces = experiment.spectrum()
    ends = [experiment.offsets, experiment.image()] if free_surface else [experiment.offsets]
    green = sum(_green(omega / medium.vs, np.linalg.norm(at, axis=1)[:, None], 2)[0] for at in ends)
    return traces(1j * omega * green / (medium.rho * medium.vs**2))


def _green(k: Array, r: Array, dimensions: int) -> tuple[Array, Array, Array]:
    """Return G, G′/r and G″ [receiver, frequency]; G″ from the Helmholtz equation."""
    if dimensions == 2:
        green, slope = -0.25j * hankel2(0, k * r), 0.25j * k * hankel2(1, k * r) / r
    else:
        green = np.exp(-1j * k * r) / (4 * np.pi * r)
        slope = -(1j * k * r + 1) * green / r**2
    return green, slope, -(k**2) * green - (dimensions - 1) * slope


def _full_space(medium: Material, at: Array, mechanism: Mechanism, omega: Array) -> Pair:
    """Return velocity [component, receiver, frequency] and pressure at offsets from a source in a full space."""
    dimensions, r = at.shape[1], np.linalg.norm(at, axis=1)[:, None]
    green_p, slope_p, bend_p = _green(omega / medium.vp, r, dimensions)
    compression = medium.compression(dimensions) / medium.rho
    if isinstance(mechanism, str) and mechanism == "explosion":
        v = -at.T[..., None] * slope_p / (medium.rho * medium.vp**2)
        return v, 1j * omega / medium.vp**2 * compression * green_p
    force = np.asarray(mechanism, float)
    if medium.vs == 0 or force.shape != (dimensions,):
        raise ValueError(f"a force {force} in {dimensions}-D needs {dimensions} components, and a solid, not {medium}")
    green_s, slope_s, bend_s = _green(omega / medium.vs, r, dimensions)
    along, slope, bend = (at @ force)[:, None], slope_s - slope_p, bend_s - bend_p
    radial = (bend - slope) * along / r**2 * at.T[..., None]  # ∇∇ = slope I + (bend − slope) r̂ r̂ᵀ
    u = ((omega / medium.vs) ** 2 * green_s + slope) * force[:, None, None] + radial
    return 1j * u / (medium.rho * omega), -compression * along * slope_p


def _below(
    medium: Material, potentials: OfWavenumber, at: Array, omega: Array, *,
    paths: Array, speeds: Sequence[float], duration: float,
) -> Pair:  # fmt: skip
    """Return velocity [component, receiver, frequency] and pressure of down-going waves at offsets (z, x) from a plane.

    The period in x keeps images, at the largest speed, out of the duration.  Wavenumbers end, smoothly, beyond the
    slowest wave, where a path from the source by the plane leaves e^{−30}, or at grazing the transform of the taper.
    """
    shortest = paths.min()
    dk = 2 * np.pi / (1.1 * max(speeds) * duration + 3 * paths.max())
    edge, width = 2 * np.abs(omega.real) / min(speeds) + 30 / shortest, 6 / shortest
    top = int((edge.max() + 5 * width) / dk) + 1
    every = dk * np.arange(-top, top + 1)
    waves = np.exp(1j * np.outer(every, at[:, 1])) * dk / (2 * np.pi)
    depths, group = np.unique(at[:, 0], return_inverse=True)
    fields = np.empty((3, len(at), len(omega)), complex)
    for j, w in enumerate(omega):
        used = np.flatnonzero(np.abs(every) < edge[j] + 5 * width)
        k = every[used]
        A, B = (0.5 * erfc((np.abs(k) - edge[j]) / (np.sqrt(2) * width)) * a for a in potentials(k, w))
        up, us = medium.decay(k, w)
        for i, z in enumerate(depths):
            phi, psi = A * np.exp(-up * z), B * np.exp(-us * z)
            u = np.stack([1j * k * psi - up * phi, 1j * k * phi + us * psi, medium.compression(2) * w**2 * phi])
            fields[:, group == i, j] = u @ waves[np.ix_(used, group == i)]
    return 1j * omega * fields[:2], fields[2]
