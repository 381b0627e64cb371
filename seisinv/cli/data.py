"""`seisinv data list | fetch NAME`: public models and data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from seisinv.cli.flags import takes
from seisinv.cli.guard import guarded

data = typer.Typer(help="Public models and data: `seisinv data list`.", no_args_is_help=True, rich_markup_mode=None)


@data.command("list")
@guarded
def list_datasets() -> None:
    """List what can be fetched: size, licence, source, and whether it is here."""
    from seisinv.io import catalogue
    from seisinv.io.download import data_folder

    folder = data_folder()
    for d in catalogue.CATALOGUE:
        known = "known checksum" if d.sha256 else "checksum recorded at the first download"
        here = f"\n  here     {folder / d.file}" if (folder / d.file).exists() else ""
        typer.echo(
            f"{d.name}: {d.title}\n  from     {d.url}\n  size     about {d.megabytes:g} MB, {known}\n"
            f"  licence  {d.licence}\n  source   {d.source}\n  read     {d.hint}{here}"
        )


@data.command()
@guarded
@takes("quiet")
def fetch(
    name: Annotated[str, typer.Argument(help="Name in `seisinv data list`.")],
    directory: Annotated[
        Path | None, typer.Option("--directory", "-d", help="Where to keep it; default: $SEISINV_DATA, or user data.")
    ] = None,
    *,
    given: dict[str, Any],
) -> None:
    """Download a dataset once, check it, and print where it is."""
    from seisinv import io

    wanted = io.dataset(name)
    typer.echo(f"licence: {wanted.licence} ({wanted.source})", err=True)
    typer.echo(io.fetch(wanted, folder=directory))
