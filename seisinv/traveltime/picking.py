"""First breaks: when the first wave arrives, trace by trace, with a measure of their quality.

1. The energy ratio of the windows after and before each sample finds the first strong rise (Coppens 1985,
   doi:10.1111/j.1365-2478.1985.tb01360.x); a floor keeps it from triggering on what is far below the trace's signal.
2. About it, the sample that best divides the trace into noise and signal: the least Akaike information
   AIC(k) = k log var(x₁…x_k) + (n − k) log var(x_k+1…x_n) (Maeda 1985, doi:10.4294/zisin1948.38.3_365).
3. Picks that lie off the running median of their neighbours along offset are sought again near it, then dropped.
4. First arrivals are continuous along offset. Where the picks, followed outward from the source, all at once come late,
   they have left the first break for a later phase: they are sought again on the line that the nearer ones make, then
   dropped (behind a shadow zone too, where a late first arrival is true but of no use to rays that bend downward).

The pick is the onset as far as noise and bandwidth let one see it, later than the arrival of infinite frequency by a
part of a period. Where the wavelet is known, the same picker on that wavelet (with the half integral that a line
source adds in 2-D, and noise as strong as that of the data) says by how much, and the lag is subtracted; where it is
not, one delay is left for the traveltime inversion to find.
"""

from __future__ import annotations

import dataclasses
import io
from dataclasses import dataclass

import numpy as np

from seisinv.core import ConfigError, DataError, Gathers, Survey
from seisinv.core.gathers import refuse_nan

FLOOR = 3e-3  # share of a trace's largest amplitude below which nothing counts as an arrival
WEAK = 2.0  # amplitude after over before a pick, below which there is no pick
NEIGHBOURS = 9  # traces whose running median a pick must follow
TRIALS = 9  # noises under which the wavelet is picked
TURNS, ALIKE = 3, 0.2  # times that all is picked, and how alike two periods are of which the first is good enough
NO_BREAK = "no trace has a first break: no rise above the noise; check units and polarity of time, or filter the data"
OFF = 0.75  # periods that a pick may lie off that median


@dataclass(frozen=True, eq=False)
class Picks:
    """First-break times of a survey.

    Parameters
    ----------
    survey : Survey
    times : (shot, receiver) array, s
        NaN where there is no pick; counted from the shot, lag of the wavelet subtracted.
    quality : (shot, receiver) array
        0 (no pick) to 1: 1 − noise/signal about the pick.
    period : float, s
        Dominant period of the data.
    lag : float or None, s
        What was subtracted for the wavelet; None if it is not known, so that a common delay remains.

    Examples
    --------
    >>> import numpy as np
    >>> import seisinv as si
    >>> survey = si.Survey.surface(sources=si.line(100, 700, every=300), receivers=si.line(0, 800, every=100),
    ...                            wavelet=si.ricker(20), duration=0.6, dt=2e-3)
    >>> times = np.abs(survey.offsets) / 2000.0
    >>> picks = Picks(survey, times, np.ones_like(times), period=0.05, lag=0.0)
    >>> picks.count
    27
    >>> picks.table().splitlines()[1].decode()
    '1,0,100.000,0.000,0.000,0.000,-100.000,0.050000,1.000'
    """

    survey: Survey
    times: np.ndarray
    quality: np.ndarray
    period: float
    lag: float | None = None

    @property
    def count(self) -> int:
        """Number of picks."""
        return int(np.isfinite(self.times).sum())

    def table(self) -> bytes:
        """Return the picks as CSV: shot, receiver, source and receiver position, offset (m), time (s), quality."""
        out = io.StringIO()
        out.write("shot,receiver,source_x_m,source_z_m,receiver_x_m,receiver_z_m,offset_m,time_s,quality\n")
        for i, shot in enumerate(self.survey.shots):
            for j in np.flatnonzero(np.isfinite(self.times[i])):
                (sz, sx), (rz, rx) = shot.sources[0], shot.receivers[j]
                out.write(
                    f"{shot.number},{j},{sx:.3f},{sz:.3f},{rx:.3f},{rz:.3f},{rx - sx:.3f},"
                    f"{self.times[i, j]:.6f},{self.quality[i, j]:.3f}\n"
                )
        return out.getvalue().encode()

    def replace(self, **changes: object) -> Picks:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]


def pick_first_breaks(
    gathers: Gathers, *, period: float | None = None, slowest: float = 300.0, fastest: float = 8000.0
) -> Picks:
    """Pick the first breaks of gathers.

    Parameters
    ----------
    gathers : Gathers
        Two-dimensional; the survey's wavelet, where it has one, gives the lag that is subtracted.
    period : float, s, optional
        Dominant period; default: that of the first breaks themselves, from the spectrum of what follows the picks.
    slowest, fastest : float, m/s
        First breaks slower or faster than this (from the source, give or take two periods) are not looked for.

    Returns
    -------
    Picks

    Raises
    ------
    DataError
        If no trace has a first break, or a live trace holds NaN or infinite samples.
    ConfigError
        If the period is shorter than four samples.

    Examples
    --------
    >>> import seisinv as si
    >>> grid = si.Grid((21, 41), 20.0)
    >>> survey = si.Survey.surface(sources=si.line(100, 100, every=1, depth=20), wavelet=si.ricker(12),
    ...                            receivers=si.line(200, 700, every=20, depth=20), duration=0.6, dt=2e-3)
    >>> picks = pick_first_breaks(si.Propagator(si.Acoustic(), grid, survey)(si.Model(grid, vp=2000.0)))
    >>> bool(abs(picks.times - survey.offsets / 2000.0).max() < 0.25 * picks.period)
    True
    """
    survey, dt = gathers.survey, gathers.survey.time.step
    refuse_nan(gathers.data, gathers.live, survey)
    data = np.where(gathers.live.numpy()[..., None], gathers.data.detach().double().numpy(), 0.0)
    reach = np.nan_to_num(survey.reaches)
    if not data.any():
        raise DataError(NO_BREAK)
    used = dominant_period(data, dt) if period is None else period
    for _ in range(TURNS):
        if used < 4 * dt:
            what = f"the period is {used:g} s; picking needs at least four samples of {dt:g} s: filter first"
            raise ConfigError(what)
        times, quality = _picked(data, reach, used, survey.time.start, dt, (slowest, fastest))
        found = used if period is not None else _period_after(data, times, used, dt)
        if found < 4 * dt or abs(found / used - 1) < ALIKE:
            break
        used = found
    period, size = used, max(4, round(used / dt))
    if not np.isfinite(times).any():
        raise DataError(NO_BREAK)
    times = survey.time.start + dt * times
    noise = 1 - float(np.median(quality[np.isfinite(times)]))
    lag = None if survey.wavelet is None else _lag(survey, size, noise=noise)
    return Picks(survey, times - (lag or 0.0), np.where(np.isfinite(times), quality, 0.0), period, lag)


def _picked(
    data: np.ndarray, reach: np.ndarray, period: float, start: float, dt: float, speeds: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return times in samples and qualities [shot, receiver]."""
    size = max(4, round(period / dt))
    times, quality = np.full(data.shape[:2], np.nan), np.zeros(data.shape[:2])
    (slowest, fastest), margin = speeds, 2 * period
    for i, j in zip(*np.nonzero(np.abs(data).max(-1) > 0), strict=True):
        distance = abs(reach[i, j])
        stop = round((distance / slowest + margin - start) / dt) if slowest > 0 else None
        first = max(0, round((distance / fastest - margin - start) / dt))
        times[i, j], quality[i, j] = _pick(data[i, j], size, first=first, stop=stop)
    for i in range(len(data)):
        _follow_neighbours(times[i], quality[i], reach[i], data[i], size)
        _follow_outward(times[i], quality[i], reach[i], data[i], size)
    return times, quality


def dominant_period(data: np.ndarray, dt: float) -> float:
    """Return one over the mean frequency of data [..., time], s: the median of traces, so that none decides alone."""
    power, f = _power(data.reshape(-1, data.shape[-1]), dt)
    return float(1 / np.median(power[:, 1:] @ f[1:] / power[:, 1:].sum(1)))


def _period_after(data: np.ndarray, times: np.ndarray, period: float, dt: float) -> float:
    """Return the dominant period of the first two periods after the picks, s."""
    length = max(8, round(2 * period / dt))
    window, before = np.hanning(2 * length)[length:], max(2, length // 8)
    pieces = []
    for i, j in zip(*np.nonzero(np.isfinite(times)), strict=True):
        first = int(times[i, j]) - before
        piece = data[i, j, max(first, 0) : first + length]
        if len(piece) == length:
            pieces.append(piece * window)
    return dominant_period(np.stack(pieces), dt) if pieces else period


def _power(traces: np.ndarray, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the power spectra of the traces that are not zero, and the frequencies, Hz."""
    traces = traces[np.abs(traces).max(-1) > 0]
    n = max(64, 2 * traces.shape[-1])
    return np.abs(np.fft.rfft(traces, n)) ** 2, np.fft.rfftfreq(n, dt)


def _pick(
    trace: np.ndarray, size: int, *, near: float | None = None, first: int = 0, stop: int | None = None
) -> tuple[float, float]:
    """Return the onset in samples (with its fraction) and its quality; NaN and 0 where there is none."""
    n, none = len(trace), (np.nan, 0.0)
    peak = float(np.abs(trace).max())
    if peak == 0:
        return none
    x = trace / peak
    energy = np.concatenate([[0.0], np.cumsum(x**2)])
    k = np.arange(n)
    after = energy[np.minimum(k + size, n)] - energy[k]
    before = energy[k] - energy[np.maximum(k - size, 0)]
    quiet = size * (FLOOR**2 + float(np.median(before[: max(size, n // 50)])))
    ratio = (after + 1e-30) / (before + quiet)
    if near is not None:
        ratio = np.where(np.abs(k - near) <= size, ratio, 0)
    elif stop is not None:
        ratio = np.where((k >= first) & (k <= max(stop, first + 2 * size)), ratio, 0)
    if float(ratio.max()) <= 0:
        return none
    strong = np.flatnonzero(ratio > 0.15 * ratio.max())
    begin = int(strong[0])
    rise = begin + int(np.argmax(ratio[begin : begin + size]))
    low, high = max(0, rise - 2 * size), min(n, rise + size)
    onset = _akaike(x[low:high], FLOOR) + low
    m = int(onset)
    signal = float(np.sqrt(np.mean(x[m : m + size] ** 2)))
    noise = float(np.sqrt(np.mean(x[max(0, m - 2 * size) : max(1, m - size // 4)] ** 2)))
    if m < 2 or signal < WEAK * noise or signal < FLOOR:
        return none
    return onset, max(0.0, 1 - noise / signal)


def _akaike(x: np.ndarray, floor: float) -> float:
    """Return the sample before which the trace is noise and after which it is signal."""
    n = len(x)
    k = np.arange(2, n - 1)
    one, two = np.cumsum(x), np.cumsum(x**2)
    head = two[k - 1] / k - (one[k - 1] / k) ** 2
    tail = (two[-1] - two[k - 1]) / (n - k) - ((one[-1] - one[k - 1]) / (n - k)) ** 2
    least = floor**2
    aic = k * np.log(np.maximum(head, 0) + least) + (n - k) * np.log(np.maximum(tail, 0) + least)
    at = int(np.argmin(aic))
    if 0 < at < len(aic) - 1:
        a, b, c = aic[at - 1 : at + 2]
        return float(k[at] + 0.5 * (a - c) / max(a - 2 * b + c, 1e-30))
    return float(k[at])


def _follow_neighbours(
    times: np.ndarray, quality: np.ndarray, offsets: np.ndarray, data: np.ndarray, size: int
) -> None:
    """Seek picks again that leave the median of their neighbours on one side of the source; drop them if in vain."""
    for side in (offsets < 0, offsets >= 0):
        index = np.flatnonzero(side)[np.argsort(offsets[side], kind="stable")]
        for again in (True, True, False):
            t = times[index]
            trend = _running_median(t, offsets[index])
            off = np.abs(t - trend) > OFF * size
            lost = np.isfinite(trend) & (off | ~np.isfinite(t))
            for place in np.flatnonzero(lost):
                j = index[place]
                found = _pick(data[j], size, near=trend[place]) if again else (np.nan, 0.0)
                kept = np.isfinite(found[0]) and abs(found[0] - trend[place]) <= OFF * size
                times[j], quality[j] = found if kept else (np.nan, 0.0)
        lonely = ~np.isfinite(_running_median(times[index], offsets[index]))
        times[index[lonely]], quality[index[lonely]] = np.nan, 0.0


def _follow_outward(times: np.ndarray, quality: np.ndarray, offsets: np.ndarray, data: np.ndarray, size: int) -> None:
    """Seek picks again that come late after the line of the nearer ones; drop them if in vain."""
    distance = np.abs(offsets)
    for side in (offsets < 0, offsets >= 0):
        index = np.flatnonzero(side & np.isfinite(times))
        kept: list[int] = []
        for j in index[np.argsort(distance[index], kind="stable")]:
            last = kept[-NEIGHBOURS:]
            if len(last) > NEIGHBOURS // 2:
                slope, start = _line(times[last], distance[last])
                expected = start + slope * distance[j] if slope > 0 else float(np.median(times[last]))
                if times[j] - expected > OFF * size:
                    times[j], quality[j] = _pick(data[j], size, near=expected)
                    if not abs(times[j] - expected) <= OFF * size:
                        times[j], quality[j] = np.nan, 0.0
                        continue
            kept.append(int(j))


def _running_median(t: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the median over neighbouring traces after removing their straight line; NaN where fewer than three."""
    out, half = np.full(len(t), np.nan), NEIGHBOURS // 2
    for k in range(len(t)):
        around = np.arange(max(0, k - half), min(len(t), k + half + 1))
        around = around[np.isfinite(t[around]) & (around != k)]
        if len(around) >= 3:
            slope, start = _line(t[around], x[around])
            out[k] = start + slope * x[k]
    return out


def _line(t: np.ndarray, x: np.ndarray) -> tuple[float, float]:
    """Return slope and intercept of the line of medians (Theil 1950, Sen 1968)."""
    i, j = np.triu_indices(len(t), 1)
    apart = x[i] != x[j]
    slope = float(np.median((t[i] - t[j])[apart] / (x[i] - x[j])[apart])) if apart.any() else 0.0
    return slope, float(np.median(t - slope * x))


def _lag(survey: Survey, size: int, *, noise: float) -> float:
    """Return how late the picker finds the wavelet after the source's time zero, s, in noise like the data's."""
    if survey.wavelet is None:
        return 0.0
    w = survey.wavelet.detach().double().reshape(-1, survey.wavelet.shape[-1])[0].numpy()
    axis, quiet = survey.source_time, 4 * size
    # The far field of a line source: half an integral of the wavelet, (2π|ω|)^-½ and a turn by 45°.
    n = 2 * (len(w) + quiet)
    spectrum, f = np.fft.rfft(w, n), np.fft.rfftfreq(n, axis.step)
    filtered = np.fft.irfft(spectrum / np.sqrt(2j * np.pi * np.maximum(f, 0.2 / (n * axis.step))), n)
    trace = np.concatenate([np.zeros(quiet), filtered[: len(w)]])
    onset, _ = _pick(trace, size)
    if not np.isfinite(onset):
        return 0.0
    level = float(np.sqrt(np.mean(trace[int(onset) : int(onset) + size] ** 2)))
    random = np.random.default_rng(0)
    noisy = [_pick(trace + noise * level * random.standard_normal(len(trace)), size)[0] for _ in range(TRIALS)]
    found = [t for t in noisy if abs(t - onset) < size]
    return axis.start + axis.step * (float(np.median(found or [onset])) - quiet)
