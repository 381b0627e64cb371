"""The tables and keys of a job, with units, limits and defaults.

A default has one home. Where a key stands for a parameter of a class, its default is read from that class
(`default_of`), and None means that the class decides; all other defaults are written here and nowhere else.
"""

from __future__ import annotations

import inspect
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from seisinv.inversion import LBFGS, Adam, Continuation, EstimateWavelet, run_ensemble
from seisinv.io.reading import POLARITIES, polarity_of
from seisinv.priors import Tikhonov
from seisinv.propagate import Boundary, Propagator
from seisinv.reconstruction import WavefieldReconstruction
from seisinv.signal import Window
from seisinv.unknowns import Decoder, Siren


def _listed(value: Any) -> Any:
    """Let one value stand for a list of one."""
    return value if isinstance(value, list) else [value]


def _polarity(value: Any) -> Any:
    """Let vz=reversed,vx=normal stand for a table; refuse words that are no polarity."""
    value = polarity_of(value) if isinstance(value, str) and "=" in value else value
    if any(word not in POLARITIES for word in (value.values() if isinstance(value, dict) else [value])):
        raise PydanticCustomError("polarity", "it must be normal or reversed, of all or by component")
    return value


# Bounds of what is inverted where no file says what to expect, m/s.
WIDE = {"vp": (1400.0, 5500.0), "vs": (100.0, 3600.0)}
UPDATES = 1000  # largest number in a band where only the budget ends it


def _kind(value: Any) -> Any:
    """Let fz, or mzz=1,mxx=-1 for a table, stand for a kind of source."""
    if not (isinstance(value, str) and "=" in value):
        return value
    try:
        return {name.strip(): float(share) for name, share in (part.split("=") for part in value.split(","))}
    except ValueError:
        raise PydanticCustomError("kind", "it must be a name such as fz, or a sum such as mzz=1,mxx=-1") from None


def _names(value: Any) -> Any:
    """Let vz,vx stand for a list of names; refuse a name that comes twice."""
    names = [name.strip() for name in value.split(",")] if isinstance(value, str) else value
    if isinstance(names, list) and len({*map(str, names)}) < len(names):
        raise PydanticCustomError("names", "a name comes twice")
    return names


Many = BeforeValidator(_listed)
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Pair = Annotated[list[Finite], Field(min_length=2, max_length=2)]
Edges = Annotated[list[Positive], Field(min_length=2, max_length=2)]
Paths = Annotated[list[str], Field(min_length=1), Many]


def default_of(owner: Any, name: str) -> Any:
    """Return the default of a parameter of a class or function, as TOML holds it."""
    value = inspect.signature(owner).parameters[name].default
    if value is inspect.Parameter.empty:
        raise TypeError(f"{owner.__name__} has no default for {name}")
    return value


def taken(owner: Any, name: str, **rules: Any) -> Any:
    """Return a field whose default is that of a parameter of a class or function."""
    return Field(default=default_of(owner, name), **rules)


class Section(BaseModel):
    """A table of the TOML file: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DataSection(Section):
    """The observed data, as for `seisinv.io.open_line`."""

    path: Paths | None = Field(default=None, description="SEG-Y, SU or SEG-2 file, or several that make one line")
    headers: dict[str, int | str] = Field(
        default={}, description="where a field sits in other bytes: {source_x = 181}, {source_x = '181:float32'}"
    )
    values: dict[str, Finite] = Field(
        default={}, description="what a field holds in every trace, in the file's unit: {sample_interval = 500}"
    )
    units: Literal["metres", "feet"] | None = Field(
        default=None, description="default: what the file says, else metres"
    )
    coordinate_units: Literal["length", "angle"] | None = Field(
        default=None, description="take coordinates called angles as lengths, or project them"
    )
    vertical: Literal["elevation", "depth"] | None = Field(default=None, description="what the elevation fields hold")
    datum: Finite | None = Field(
        default=None, description="elevation of z = 0, m; default: 0, or the highest position if some lie above it"
    )
    projection: Literal["line", "offsets"] | None = Field(
        default=None, description="onto the straight line that fits best, or so that offsets are kept"
    )
    shots_by: Literal["record", "position"] | None = Field(default=None, description="what distinguishes shots")
    sample_format: Literal["ibm", "ieee", "int32", "int16", "int8", "float64"] | None = Field(
        default=None, description="format of the samples, whatever the file says"
    )
    byte_order: Literal["big", "little"] | None = Field(default=None, description="byte order of the samples")
    polarity: Annotated[str | dict[str, str], BeforeValidator(_polarity)] | None = Field(
        default=None, description="reversed: samples change sign; of one component: {vz = 'reversed'}"
    )
    component: int | str | list[int | str] | None = Field(
        default=None,
        description="which of several: names, 'vz,vx', a trace identification code, 12, or the first of three, 1/3",
    )
    delays: list[Finite] | None = Field(
        default=None, description="added to the times of the records, s: one for all files or one for each"
    )
    geometry: Paths | None = Field(
        default=None,
        description="tables of positions, shifts, killed traces: FILE, or sources=FILE, receivers=FILE, "
        "relations=FILE, traces=FILE",
    )
    layout: dict[str, Finite] = Field(
        default={}, description="a regular spread, m: {spacing = 2.5, first = 5, move = 10}"
    )
    clean: bool = Field(
        default=True, description="remove offset from zero, spikes and hum; leave out noisy and reversed traces"
    )
    reciprocity: bool | None = Field(
        default=None, description="swap sources and receivers; default: where receivers are half as many as shots"
    )
    every: int = Field(default=1, ge=1, description="use every n-th shot")
    held_out: int | None = Field(
        default=None, ge=2, description="keep one of every n shots back, which is only predicted; default: none"
    )


class SurveySection(Section):
    """What sources are and what receivers measure, in the terms of the wave equation (propagator.physics)."""

    kind: Annotated[str | Annotated[dict[str, Finite], Field(min_length=1)], BeforeValidator(_kind)] | None = Field(
        default=None,
        description="what sources are: 'explosion', 'fz', or a sum, {mzz = 1.0, mxx = -1.0}; default: what the file "
        "says, else the wave equation's own",
    )
    components: Annotated[list[str], Field(min_length=1), BeforeValidator(_names)] | None = Field(
        default=None,
        description="what receivers measure: ['vz', 'vx']; data in files: which of their components are used, as by "
        "data.component; default: what the file says, else the wave equation's own",
    )
    weights: dict[str, Positive] = Field(
        default={},
        description="of components in the misfit, {vz = 1.0, p = 0.5}; each is divided by its own RMS first, so that "
        "by default, 1, all count alike",
    )


class GridSection(Section):
    """The grid of the computation, as for `seisinv.Grid`; what is left out is chosen from the data and said."""

    spacing: Annotated[list[Positive], Field(min_length=1, max_length=3), Many] | None = Field(
        default=None,
        description="m, one value or one per axis; default: that of the starting model's file, if it carries the bands",
    )
    shape: Annotated[list[Annotated[int, Field(ge=2)]], Field(min_length=2, max_length=3)] | None = Field(
        default=None, description="nodes along z and x"
    )
    origin: Annotated[list[Finite], Field(min_length=2, max_length=3)] | None = Field(
        default=None, description="position (z, x) of the first node, m"
    )
    depth: Positive | None = Field(
        default=None,
        description="depth of the lowest node, m; default: that of the starting model's file, else half the longest "
        "offset",
    )


class StartSection(Section):
    """The starting model of an inversion, or that a survey is modelled in; files as for `seisinv.io.read_model`."""

    kind: Literal["model", "tomography"] = Field(
        default="model",
        description="what is given below; or `tomography`: made from first breaks in the data, as by `seisinv start`",
    )
    vp: str | Positive | None = Field(default=None, description="model file, or one value in m/s")
    vs: str | NotNegative | None = Field(
        default=None,
        description="model file, or one value in m/s; default: that in the file of vp, else (vp − 1360 m/s) / 1.16, "
        "and 0 where vp is 1520 m/s or less",
    )
    rho: str | Positive | None = Field(
        default=None,
        description="model file, or one value in kg/m³; default: 310 vp^0.25; of elastic waves that in the file of vp, "
        "if there is one",
    )
    v0: Positive = Field(default=1600.0, description="without vp: velocity at the top of the rock, m/s")
    gradient: Finite = Field(default=0.7, description="without vp: velocity increase with depth, 1/s")
    spacing: Annotated[list[Positive], Many] | None = Field(default=None, description="of a file that does not say, m")
    origin: list[Finite] | None = Field(default=None, description="(z, x) of a file that does not say, m")
    every: int = Field(default=1, ge=1, description="keep every n-th node of a file")
    units: Literal["m/s", "km/s", "ft/s"] | None = Field(
        default=None, description="of the files of vp and vs; default: m/s"
    )
    shape: Annotated[list[int], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="nodes (z, x) of a raw binary file"
    )
    dtype: str = Field(default="<f4", description="numbers of a raw binary file")
    layout: Literal["zx", "xz"] | None = Field(default=None, description="order of a raw binary file: rows or traces")


class PropagatorSection(Section):
    """The wave-equation solver, as for `seisinv.Propagator`."""

    physics: str = Field(
        default="acoustic",
        description="which wave equation: acoustic, acoustic_density, elastic (vp, vs, rho) or elastic_sh (vs, rho)",
    )
    order: Literal[2, 4, 6, 8, 10, 12] = taken(Propagator, "order", description="order of the stencils in space")
    boundary_width: int = taken(Boundary, "width", ge=1, le=200, description="absorbing cells beyond each side")
    free_surface: bool | None = Field(
        default=None,
        description="pressure-free surface at the top of the grid; default: what explains the data in the starting "
        "model better",
    )
    memory: Literal["automatic", "store", "checkpoints"] = Field(
        default="automatic", description="how gradients remember"
    )
    memory_budget: Positive | None = Field(
        default=None, description="bytes that gradients may use; default: the engine's own"
    )
    vp_max: Positive | None = Field(
        default=None, description="velocity that fixes the solver's step, m/s; default: the bound"
    )
    step: Positive | None = Field(default=None, description="solver's time step, s; default: chosen stable")
    backend: Literal["c", "reference"] = taken(
        Propagator, "backend", description="compiled kernels, or slow torch for tests"
    )


class InversionSection(Section):
    """The inversion, as for `seisinv.Inversion` and its optimisers."""

    method: Literal["fwi", "reconstruction"] = Field(
        default="fwi",
        description="fwi: waveform inversion; reconstruction: wavefields and model in turn, see [reconstruction]",
    )
    misfit: Literal["l2", "huber", "correlation", "envelope", "traveltime"] = Field(
        default="l2", description="l2, huber, correlation, envelope or traveltime"
    )
    bands: Annotated[list[Positive | Edges], Field(min_length=1), Many] | None = Field(
        default=None,
        description="low-pass corners or [low, high] pairs, Hz; default: from the spectrum of the data, and the grid",
    )
    optimizer: Literal["lbfgs", "adam"] = Field(default="lbfgs", description="lbfgs or adam")
    iterations: int | None = Field(default=None, ge=1, description="per band; default: as many as the budget allows")
    effort: Literal["quick", "standard", "best"] | None = Field(
        default=None,
        description="quick, standard or best: a budget of 100, 300 or 900 gradients; default: standard, unless "
        "iterations or a budget is given",
    )
    minutes: Positive | None = Field(
        default=None, description="time that the run may take: the budget is what is solved in it here"
    )
    budget: int | None = Field(
        default=None,
        ge=1,
        description="wave-equation solves the run may cost at most, two for a shot and gradient; default: from effort",
    )
    rate: Positive = taken(Adam, "rate", description="step length of adam, m/s")
    tolerance: Positive = taken(
        LBFGS,
        "tolerance",
        description="lbfgs ends a band when an update gains less than this share",
    )
    slow: NotNegative | None = Field(
        default=None,
        description="lbfgs ends a band when ten updates gain less than this share, for those after it; default: 0.1",
    )
    batch_shots: int | None = Field(
        default=None,
        ge=1,
        description="neighbouring shots that are computed together, as one task of a cluster; default: 16",
    )
    watched: int | None = Field(
        default=None,
        ge=0,
        description="shots that are not inverted but watched: a band ends where their misfit rises; default: one in "
        "20, at most 4",
    )
    unmodelled: list[Pair] | None = Field(
        default=None,
        description="pairs of a frequency in Hz and the share of the data's misfit up to it that no model explains, "
        "noise or what the grid cannot hold, at which a band ends; default: none",
    )
    bounds: dict[str, Annotated[list[Positive], Field(min_length=2, max_length=2)]] | None = Field(
        default=None,
        description="lowest and highest value of each unknown, SI units: {vp = [1450, 4800], vs = [100, 2800]}; "
        "parameters that are not named keep the starting model; default: vp (vs where there is no vp) from the "
        "starting model's file, 0.75 × its lowest to 1.8 × its highest, else 1400 to 5500 m/s",
    )
    water: NotNegative | Literal["layer"] | None = Field(
        default=None,
        description="nodes above this depth (m) keep the starting model, or its layer of water; default: layer, where "
        "it has a deep one",
    )
    smooth: NotNegative = Field(default=0.0, description="length over which updates are smoothed, m; 0 is not at all")


class ReconstructionSection(Section):
    """Wavefield-reconstruction inversion, as for `seisinv.reconstruction.WavefieldReconstruction`.

    For `inversion.method = "reconstruction"`. Earlier versions called this table [pinn].
    """

    frequencies: Annotated[list[Positive], Field(min_length=1), Many] | None = Field(
        default=None, description="Hz, increasing; default: the upper corners of inversion.bands"
    )
    data_weight: Positive = taken(
        WavefieldReconstruction,
        "data_weight",
        description="weight of the data misfit against that of the wave equation",
    )
    refine: bool = taken(WavefieldReconstruction, "refine", description="add the residuals to the right-hand sides")
    oversampling: Annotated[float, Field(ge=1)] = taken(
        WavefieldReconstruction, "oversampling", description="basis functions per wave"
    )
    max_error: Positive = taken(
        WavefieldReconstruction,
        "max_error",
        description="largest relative error of the basis against the simulator; beyond it the run is refused",
    )


class ContinuationSection(Section):
    """Traveltimes before waveforms, as for `seisinv.inversion.Continuation`: no band begins with skipped cycles.

    Earlier versions called this table [ladder].
    """

    kind: Literal["none", "traveltime", "envelope_traveltime", "envelope"] = Field(
        default="none", description="none: waveforms only; or the misfit of the traveltime stages"
    )
    iterations: int = Field(default=Continuation().optimizer.iterations, ge=1, description="of one traveltime stage")
    attempts: int = taken(Continuation, "attempts", ge=1, description="traveltime stages in one band, at most")
    periods: Annotated[float, Field(gt=0, le=1)] = taken(
        Continuation, "periods", description="largest delay with which a band may begin, in periods"
    )
    aim: Annotated[float, Field(ge=0, le=1)] = taken(
        Continuation,
        "aim",
        description="delay from which a band begins with one traveltime stage at least, in periods",
    )
    percentile: Annotated[float, Field(gt=0, le=100)] = taken(
        Continuation,
        "percentile",
        description="share of the traces whose delays must keep to it, percent",
    )


class UnknownSection(Section):
    """How the model is described, as for `seisinv.unknowns.Bounded`, `CubicSpline`, `Siren` and `Decoder`."""

    kind: Literal["grid", "spline", "siren", "decoder"] = Field(
        default="grid", description="values on the grid, or an update of the start by splines or by a network"
    )
    knots: Annotated[list[Positive], Field(min_length=1, max_length=3), Many] = Field(
        default=[100.0], description="spline: distance between knots, m, one value or one per axis"
    )
    size: Positive = taken(Siren, "size", description="siren, decoder: about the update that is expected, m/s")
    width: int = taken(Siren, "width", ge=1, description="siren: sines per layer")
    depth: int = taken(Siren, "depth", ge=1, description="siren: layers")
    omega: Positive = taken(Siren, "omega", description="siren: ω₀, about 6 × the periods across an axis")
    channels: int = taken(Decoder, "channels", ge=1, description="decoder: images per level")
    levels: int = taken(Decoder, "levels", ge=1, description="decoder: doublings of the resolution")


class WaveletSection(Section):
    """What the sources emit, as for `seisinv.inversion.EstimateWavelet`."""

    kind: Literal["estimate", "ricker", "file"] = Field(default="estimate", description="where the wavelet comes from")
    peak: Positive | None = Field(default=None, description="of a Ricker wavelet, Hz")
    path: str | None = Field(default=None, description="text file of samples at the data's interval, from time 0")
    per_shot: bool = taken(EstimateWavelet, "per_shot", description="estimate one wavelet for each shot")
    length: Positive | None = Field(default=None, description="of the estimated wavelet, s; default: 8 periods")
    damping: Positive = taken(EstimateWavelet, "damping", description="of the estimate, as a share of the power")
    search: int = taken(
        EstimateWavelet,
        "search",
        ge=0,
        description="gradients for finding the wavelet before the first band; 0: renewed with every evaluation",
    )


class WindowSection(Section):
    """Which part of the records counts, as for `seisinv.signal.Window`."""

    offsets: Pair | None = Field(default=None, description="nearest and farthest offset, m")
    time: Pair | None = Field(default=None, description="first and last time, s")
    before: Pair | None = Field(default=None, description="mute before: velocity m/s, intercept s")
    after: Pair | None = Field(default=None, description="mute after: velocity m/s, intercept s")
    taper: Positive = taken(Window, "taper", description="length of the flanks, s")
    apart: NotNegative | None = Field(
        default=None,
        description="traces with less than this between source and receiver do not count, m; default: 2.5 cells",
    )


class PenaltySection(Section):
    """A penalty on rough models, as for `seisinv.priors.Tikhonov` and `TotalVariation`, or the prior `Learned`."""

    kind: Literal["none", "tikhonov", "total_variation", "learned"] = Field(
        default="none", description="none, tikhonov, total_variation or learned"
    )
    weight: NotNegative | None = Field(
        default=None, description="relative to the data misfit; default: 0.03 for learned, else 0.01"
    )
    order: Literal[1, 2] = taken(Tikhonov, "order", description="tikhonov: of the derivatives")
    length: Positive = taken(
        Tikhonov,
        "length",
        description="tikhonov, total_variation: distance over which a change is measured, m",
    )
    sigmas: Edges | None = Field(
        default=None,
        description="learned: error of the model in the first and in the last band, m/s; default: [100, 40]",
    )
    every: int | None = Field(default=None, ge=1, description="learned: updates between targets; default: 10")
    targets: int | None = Field(
        default=None, ge=1, description="learned: targets in a band at most, of which the last stays; default: 2"
    )
    draws: int | None = Field(
        default=None, ge=0, description="learned: draws of noise that a target is the mean of; default: 0, none"
    )
    finish: bool | None = Field(
        default=None, description="learned: the result is a last target, not the last model; default: true"
    )
    weights: str | None = Field(
        default=None, description="learned: file of `seisinv train prior`; default: what comes with the package"
    )


class EnsembleSection(Section):
    """How certain the result is, as for `seisinv.inversion.run_ensemble`."""

    members: int = Field(default=1, ge=1, description="inversions, each of the data with other noise; 1: no ensemble")
    calibration: Positive = taken(
        run_ensemble, "calibration", description="factor on the members' deviation; see `calibrate`"
    )
    level: Share = taken(run_ensemble, "level", description="share of the truth that intervals are to hold, 0 to 1")


class LineSection(Section):
    """Positions along a line, as for `seisinv.line`."""

    start: Finite | None = Field(default=None, description="x of the first, m; default: the model's left boundary")
    stop: Finite | None = Field(default=None, description="x of the last, m; default: the model's right boundary")
    every: Positive = Field(default=25.0, description="distance between neighbours, m")
    depth: Finite = Field(default=10.0, description="z, m")


class ForwardSection(Section):
    """A synthetic survey, for `seisinv forward`."""

    output: str | None = Field(default=None, description="SEG-Y file to write")
    sources: LineSection = LineSection(every=200.0)
    receivers: LineSection = LineSection()
    peak: Positive = Field(default=8.0, description="of the Ricker wavelet, Hz")
    duration: Positive = Field(default=3.0, description="of a record, s")
    dt: Positive = Field(default=4e-3, description="sample interval, s")
    noise: NotNegative = Field(default=0.0, description="RMS noise / RMS signal")


class RunSection(Section):
    """Where the run is kept and on what it runs."""

    directory: str | None = Field(default=None, description="run directory; default: runs/NAME beside where you are")
    seed: int = Field(default=0, ge=0, description="of every random number of the run")
    truth: str | None = Field(default=None, description="model file that the result is only measured against")
    threads: int | None = Field(default=None, ge=1, description="default: all cores")
    cluster: str | None = Field(
        default=None,
        description="where shots are computed: local:N processes, a Dask scheduler's address or file, slurm, pbs, lsf, "
        "sge, oar, htcondor; none: this process",
    )
    jobs: int | None = Field(default=None, ge=1, description="number of jobs that are submitted to a queue")
    insecure: bool = Field(default=False, description="use a Dask scheduler on a network without TLS")
    lifetime: Positive | None = Field(
        default=None, description="minutes after which it stops, to be resumed (exit code 75)"
    )


class CompareSection(Section):
    """Several inversions of the same data, for `seisinv compare`: a [[compare.run]] for each."""

    run: list[dict[str, Any]] = Field(
        default=[],
        description='tables with a `name` and whichever keys differ from the job\'s: penalty.kind = "learned"',
    )
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1), Many] | None = Field(
        default=None, description="do every run with each of these seeds; default: run.seed"
    )
    starts: Paths | None = Field(
        default=None, description="do every run from each of these starting models of vp; default: start.vp"
    )
    held_band: Edges | None = Field(
        default=None, description="frequencies to be predicted, Hz; default: 1.5 to 2 times the last band's corner"
    )
    split: Positive | None = Field(
        default=None, description="wavelength that parts low from high wavenumbers, m; default: longest in the data"
    )
    success: Positive = Field(
        default=0.65, description="a run converges if its error falls to this share of the start's"
    )


class Settings(Section):
    """A whole job."""

    data: DataSection = DataSection()
    survey: SurveySection = SurveySection()
    grid: GridSection = GridSection()
    start: StartSection = StartSection()
    propagator: PropagatorSection = PropagatorSection()
    inversion: InversionSection = InversionSection()
    reconstruction: ReconstructionSection = ReconstructionSection()
    continuation: ContinuationSection = ContinuationSection()
    unknown: UnknownSection = UnknownSection()
    wavelet: WaveletSection = WaveletSection()
    window: WindowSection = WindowSection()
    penalty: PenaltySection = PenaltySection()
    ensemble: EnsembleSection = EnsembleSection()
    forward: ForwardSection = ForwardSection()
    compare: CompareSection = CompareSection()
    run: RunSection = RunSection()
