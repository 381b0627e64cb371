"""`seisinv train prior`: the weights of a learned prior, made from nothing but a seed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from seisinv.cli.flags import Debug, Quiet
from seisinv.cli.guard import guarded
from seisinv.core import RunError

train = typer.Typer(help="Train a network: `seisinv train prior`.", no_args_is_help=True, rich_markup_mode=None)


@train.command()
@guarded
def prior(
    directory: Annotated[
        Path, typer.Option("--directory", "-d", help="Where checkpoints and weights are kept.")
    ] = Path("runs/prior"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the training in the directory.")] = False,
    steps: Annotated[int | None, typer.Option(help="Updates of the weights.")] = None,
    batch: Annotated[int | None, typer.Option(help="Patches of 64 × 64 cells per step, a multiple of 4.")] = None,
    rate: Annotated[float | None, typer.Option(help="Adam's highest step length.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the geology, the noise and the first weights.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train the learned prior's denoiser on procedural geology; without flags, by the recipe of the shipped weights."""
    import dataclasses

    from seisinv.priors import learned
    from seisinv.priors.learned.training import recipe_of
    from seisinv.progress import training_progress

    given: dict[str, Any] = {"steps": steps, "batch": batch, "rate": rate, "seed": seed}
    recipe = recipe_of(directory) if resume else learned.Recipe()
    recipe = dataclasses.replace(recipe, **{name: value for name, value in given.items() if value is not None})
    try:
        with training_progress() as progress:
            path = learned.train(recipe, directory, resume=resume, device=device, progress=progress)
    except KeyboardInterrupt:
        if _can_resume(directory):
            raise KeyboardInterrupt(f"go on with: seisinv train prior --resume --directory {directory}") from None
        raise KeyboardInterrupt("no step was finished; run the same command again") from None
    _tell(path)


def _can_resume(directory: Path) -> bool:
    from seisinv.priors.learned.training import recipe_of

    try:
        recipe_of(directory)
    except RunError:
        return False
    return True


def _tell(path: Path) -> None:
    from seisinv.priors.learned import load

    card = load(path)[1]
    last = card["history"][-1]
    found = ", ".join(f"{last[k]:.1f} dB at σ = {k.removeprefix('psnr_')}" for k in last if k.startswith("psnr_"))
    typer.echo(f"weights:  {path}")
    typer.echo(f"PSNR:     {found} (held-out patches)")
    typer.echo(f"trained:  {last['step']} steps in {card['trained_on']['seconds']} s on {card['trained_on']['device']}")
    typer.echo(f"sha256:   {card['sha256']}")
    typer.echo(f"use them: seisinv invert … --set penalty.kind=learned --set penalty.weights={path}")
