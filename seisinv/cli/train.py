"""`seisinv train prior`: the weights of a learned prior, made from nothing but a seed.

`seisinv train pinn`: a surrogate of the waves in one model.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seisinv.cli.ends import end, tell_faults
from seisinv.cli.flags import CLUSTER, numbers, settings_of, takes
from seisinv.cli.guard import guarded
from seisinv.core import ConfigError

if TYPE_CHECKING:
    from seisinv.core import Model
    from seisinv.jobs.wavefield import Gaussian

RESUME = "Resume the training in the directory."

train = typer.Typer(
    help="Train a network: `seisinv train prior`, `seisinv train pinn`.", no_args_is_help=True, rich_markup_mode=None
)


@train.command()
@guarded
@takes("device", *CLUSTER, "quiet")
def prior(
    directory: Annotated[
        Path, typer.Option("--directory", "-d", help="Where checkpoints and weights are kept.")
    ] = Path("runs/prior"),
    resume: Annotated[bool, typer.Option("--resume", help=RESUME)] = False,
    steps: Annotated[int | None, typer.Option(help="Number of updates of the weights.")] = None,
    batch: Annotated[int | None, typer.Option(help="Patches of 64 × 64 cells per step, a multiple of 4.")] = None,
    rate: Annotated[float | None, typer.Option(help="Largest step length of Adam.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the geology, the noise and the initial weights.")] = None,
    pairs: Annotated[
        int, typer.Option(min=0, help="Number of small inversions on which the last target's network is then trained.")
    ] = 0,
    *,
    given: dict[str, Any],
) -> None:
    """Train the learned prior's denoiser on procedural geology; without flags, by the recipe of the shipped weights."""
    import dataclasses

    from seisinv.jobs.progress import training_progress
    from seisinv.priors import learned
    from seisinv.priors.learned.training import CHECKPOINT, recipe_of

    changes: dict[str, Any] = {"steps": steps, "batch": batch, "rate": rate, "seed": seed}
    recipe = recipe_of(directory) if resume else learned.DenoiserRecipe()
    recipe = dataclasses.replace(recipe, **{name: value for name, value in changes.items() if value is not None})
    try:
        with training_progress() as progress:
            path = learned.train(recipe, directory, resume=resume, device=given["device"] or "auto", progress=progress)
        if pairs:
            from seisinv.jobs import training_pairs
            from seisinv.jobs.build import cluster_of

            tell = None if given["quiet"] else lambda line: typer.echo(line, err=True)
            with cluster_of(settings_of(None, given)) as there:
                training_pairs.refine(path, pairs, progress=tell, executor=there)
    except KeyboardInterrupt:
        if (directory / CHECKPOINT).exists():
            raise KeyboardInterrupt(f"go on with: seisinv train prior --resume --directory {directory}") from None
        raise KeyboardInterrupt("no step was finished; run the same command again") from None
    _tell(path)


@train.command()
@guarded
@takes("start.spacing", "overwrite", "quiet")
def pinn(
    model: Annotated[Path, typer.Argument(help="A velocity model: SEG-Y, .npz, .npy.")],
    duration: Annotated[float, typer.Option(help="Duration of the wavefield, s.")],
    width: Annotated[
        float | None, typer.Option(help="Standard deviation of the initial pressure, a Gaussian, m.")
    ] = None,
    peak: Annotated[
        float | None, typer.Option(help="Or peak frequency of a point source's Ricker wavelet, Hz.")
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(metavar="Z,X", help="Source position, m; default: the model's centre. Repeat for more sources."),
    ] = None,
    slabs: Annotated[
        int | None,
        typer.Option(min=1, help="--peak: time slabs, solved one after another; default: half a period each."),
    ] = None,
    windows: Annotated[
        str | None,
        typer.Option(metavar="Z,X,T", help="--peak: number of windows along each axis, for large models: 8,8,1."),
    ] = None,
    bound: Annotated[
        float | None,
        typer.Option(help="--peak: largest error against the simulator, by offset and frequency; default: 0.2."),
    ] = None,
    method: Annotated[str, typer.Option(help="least-squares, fbpinn or adam (a plain network).")] = "least-squares",
    edges: Annotated[
        str | None, typer.Option(help="--width: open (default), wall or absorbing; with --peak always absorbing.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="fbpinn, adam: steps of Adam.")] = None,
    polish: Annotated[int | None, typer.Option(help="fbpinn, adam: iterations of L-BFGS after them.")] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Wavefield to write; a picture is written beside it.")
    ] = Path("wave.safetensors"),
    directory: Annotated[Path, typer.Option("--directory", "-d", help="Where checkpoints are kept.")] = Path(
        "runs/pinn"
    ),
    resume: Annotated[bool, typer.Option("--resume", help=RESUME)] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of features, initial weights and points.")] = 0,
    *,
    given: dict[str, Any],
) -> None:
    """Fit a surrogate of the waves from a Gaussian or from point sources, by least squares or by training."""
    from seisinv import io
    from seisinv.jobs import wavefield

    overwrite = given["overwrite"]
    wavefield.refuse_existing(output, overwrite=overwrite)
    if (width is None) == (peak is None):
        raise ConfigError(
            "pass --width (m), for waves from a Gaussian, or --peak (Hz), for point sources; one of the two"
        )
    velocity = io.read_model(model, spacing=given["start.spacing"])
    places = [_place(text) for text in at or []] or [_middle(velocity)]
    wave: Any
    if peak is not None:
        if method != "least-squares" or edges is not None or steps is not None or polish is not None or resume:
            raise ConfigError("--peak is for the least-squares method, whose edges absorb and which has no steps")
        wave, accuracy, faults = wavefield.fit_shots(
            velocity, wavefield.PointSources(places, peak), duration, slabs=slabs, windows=_windows(windows),
            bound=0.2 if bound is None else bound, seed=seed,
        )  # fmt: skip
        found = f"against the simulator: {accuracy}"
    else:
        assert width is not None  # one of the two is given
        if len(places) > 1 or slabs is not None or windows is not None or bound is not None:
            raise ConfigError(
                "--slabs, --windows, --bound and more than one --at are for point sources; pass --peak (Hz)"
            )
        how = {"method": method, "edges": edges or "open", "seed": seed, "directory": directory, "resume": resume}
        wave = _gaussian(velocity, wavefield.Gaussian(places[0], width), duration, steps=steps, polish=polish, how=how)
        errors = ", ".join(f"{name} {value[0]:.2g}" for name, value in wave.errors.items())
        faults = [
            f"the relative residual of {name} is {value[0]:.2g}: no better than no waves at all"
            for name, value in wave.errors.items()
            if not value[0] < 1
        ]
        found = f"residual:  {errors} (relative, at points it was not fitted to)"
    picture = wavefield.write(wave, velocity.grid, output, overwrite=overwrite)
    tell_faults(faults, "fitted")
    typer.echo(f"wavefield: {output}")
    typer.echo(f"picture:   {picture}")
    typer.echo(found)
    end(faults)


def _gaussian(
    velocity: Model, gaussian: Gaussian, duration: float, *, steps: int | None, polish: int | None, how: dict[str, Any]
) -> Any:
    """Fit the waves from a Gaussian, with progress."""
    from seisinv.jobs import wavefield
    from seisinv.jobs.progress import surrogate_progress

    given = {name: n for name, n in (("steps", steps), ("polish", polish)) if n is not None}
    try:
        with surrogate_progress() as progress:
            return wavefield.fit(velocity, gaussian, duration, changes=given, progress=progress, **how)
    except KeyboardInterrupt:
        if how["method"] == "least-squares":
            raise
        raise KeyboardInterrupt("go on with the same command and --resume") from None


def _place(text: str) -> tuple[float, float]:
    place = numbers("--at", text)
    if len(place) != 2:
        raise ConfigError(f"--at {text} has {len(place)} numbers; give depth and x: --at 500,1000")
    return place[0], place[1]


def _windows(text: str | None) -> tuple[int, int, int]:
    given = numbers("--windows", text or "1,1,1")
    if len(given) != 3 or any(n < 1 or n != int(n) for n in given):
        raise ConfigError(f"--windows is {text}; give one whole number each along z, x and t: 8,8,1")
    return int(given[0]), int(given[1]), int(given[2])


def _middle(model: Model) -> tuple[float, float]:
    (top, bottom), *_, (left, right) = model.grid.extent
    return (top + bottom) / 2, (left + right) / 2


def _tell(path: Path) -> None:
    from seisinv.priors.learned import load
    from seisinv.priors.learned.training import PEAK

    card = load(path)[1]
    last = card["history"][-1]
    levels = {float(k.removeprefix("psnr_")): last[k] for k in last if k.startswith("psnr_")}
    found = ", ".join(f"{value:.1f} dB at σ = {sigma:g}" for sigma, value in levels.items())
    noisy = {sigma: 20 * math.log10(PEAK / sigma) for sigma in levels}
    faults = [
        f"{levels[sigma]:.1f} dB at σ = {sigma:g} are no more than the {value:.1f} dB of the noisy patches"
        for sigma, value in noisy.items()
        if not levels[sigma] > value
    ]
    tell_faults(faults, "trained")
    typer.echo(f"weights:  {path}")
    typer.echo(f"PSNR:     {found} (held-out patches)")
    typer.echo(f"trained:  {last['step']} steps in {card['trained_on']['seconds']} s on {card['trained_on']['device']}")
    typer.echo(f"sha256:   {card['sha256']}")
    typer.echo(f"use them: seisinv invert … --set penalty.kind=learned --set penalty.weights={path}")
    end(faults)
