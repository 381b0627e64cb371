"""`seisinv compare`: a job's runs, each in a run directory of its own, or finished runs, in one table and one page."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from seisinv.compare import Comparison, Label, PlannedRun, evaluate, run_all, write_comparison
from seisinv.compare.comparison import check_comparable, names_of
from seisinv.compare.entries import folder_name
from seisinv.compare.page import JSON, PAGE
from seisinv.core import ConfigError, DataError, Model, RunError, SeisinvError
from seisinv.core.files import read_json
from seisinv.jobs import build, config, invert
from seisinv.jobs.choose import run_directory
from seisinv.jobs.data import Thinned
from seisinv.jobs.fit import evaluator_for
from seisinv.jobs.models import speed_of, true_model
from seisinv.jobs.prepare import prepare
from seisinv.jobs.prepared import FWI_ONLY, Prepared, method_of
from seisinv.jobs.settings import CompareSection, Settings
from seisinv.physics import wave_equation
from seisinv.runs import RunRecord, read_run
from seisinv.runs.directory import OTHER
from seisinv.runs.fingerprint import changed_shots, data_digest
from seisinv.synthetic import ModellingRecipe

if TYPE_CHECKING:
    from seisinv.core import Observed
    from seisinv.spread import Executor

log = logging.getLogger("seisinv.compare")
ENGINE = ("cluster", "jobs", "insecure", "lifetime", "threads")  # keys of [run] that say where, not what


@dataclass(frozen=True)
class Planned:
    """A run of a comparison: its label and its job."""

    label: Label
    settings: Settings


def compare_job(settings: Settings, *, command: str = "", truth: Model | None = None) -> tuple[Comparison, Path]:
    """Run every [[compare.run]] of a job, or go on where an earlier call was stopped, and write the page.

    Parameters
    ----------
    settings : Settings
        `inversion.budget` bounds the wave-equation solves of each run, `data.held_out` keeps shots back.
    command : str
        What makes it again, for the page.
    truth : Model, optional
        Only measured against; default: `run.truth`.

    Returns
    -------
    Comparison, Path
        What was found, and the page.

    Raises
    ------
    SeisinvError
        In one line, for anything that cannot work, before any work.
    """
    directory = run_directory(settings, "compared").resolve()
    build.check_cluster_of(settings)
    if settings.run.threads is not None:
        torch.set_num_threads(settings.run.threads)
    base = prepare(settings, fit_start=False)
    if truth is None and settings.run.truth is not None:
        truth = true_model(settings, directory, base.chosen.grid)  # found now, or refused before any work
    # What the job chooses from the data is chosen once for all, and its opened data are handed on.
    runs = {run.label: _prepared(run, base, directory) for run in planned(base.tables, directory)}
    for label, run in runs.items():
        if run.settings.start.kind == "tomography":
            with _naming(label):
                runs[label] = prepare(run.settings, data=base.data, directory=directory)
    if len(runs) > 1 and settings.inversion.budget is None:
        log.warning("inversion.budget is not set: the runs may cost what they like, and the table shows how much")
    with build.cluster_of(settings) as there:
        records = run_all(
            [
                PlannedRun(label, run.directory, _Work(label, run, truth), partial(_is_finished, run))
                for label, run in runs.items()
            ],
            there,
        )
        return _written(records, settings.compare, base, directory, command=command, truth=truth, executor=there)


@dataclass(frozen=True, eq=False)
class _Work:
    """A run of a comparison."""

    label: Label
    prepared: Prepared
    truth: Model | None

    def __call__(self, resume: bool, executor: Executor) -> None:
        """Do it, or go on with it."""
        with _naming(self.label):
            invert.run(self.prepared, self.prepared.directory, resume=resume, truth=self.truth, executor=executor)

    def __getstate__(self) -> dict[str, Any]:
        """Return what travels: settings with every choice in place, not the opened data."""
        run = self.prepared
        return {"label": self.label, "truth": self.truth, "made": (run.settings, run.notes, run.directory)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open the data where the run is done."""
        settings, notes, directory = state["made"]
        prepared = replace(prepare(settings), notes=notes, directory=directory)
        for name, value in {"label": state["label"], "truth": state["truth"], "prepared": prepared}.items():
            object.__setattr__(self, name, value)


def compare_runs(
    directories: Sequence[Path], directory: Path, *, overrides: Mapping[str, Any] | None = None
) -> tuple[Comparison, Path]:
    """Compare run directories, finished or not, and write the page into `directory`.

    Parameters
    ----------
    directories : sequence of path
    directory : path
        Made if it is not there; another comparison in it is not written over.
    overrides : values by dotted key, optional
        Of the settings [compare].

    Returns
    -------
    Comparison, Path
        What was found, and the page.

    Raises
    ------
    RunError
        If the runs are over different data or grids, or the directory holds something else.
    """
    names = names_of(directories)
    found = dict(zip(names, map(read_run, directories), strict=True))
    check_comparable(found)
    _check_place(directory, [record.directory for record in found.values()])
    first = next(iter(found.values()))
    settings = _settings_of(first, overrides or {})
    records = {
        Label(name, name, seed=int(record.settings.get("job", {}).get("seed", 0))): record
        for name, record in found.items()
    }
    starts = {_start_key(r): k for k, r in reversed(list(enumerate(found.values())))}
    if len(starts) > 1:
        records = {
            Label(label.name, label.method, f"of {names[starts[_start_key(r)]]}", label.seed): r
            for label, r in records.items()
        }
    prepared = None
    try:
        prepared = prepare(settings)
    except (SeisinvError, OSError) as error:
        log.warning("data are not predicted, only models and costs are compared: %s", error)
    if prepared is not None:
        known = first.settings.get("job", {}).get("fingerprint", {}).get("data")
        if known != data_digest(prepared.observed) or changed_shots(prepared.observed, first.directory):
            raise RunError(
                f"{first.directory} was made from other data than its data.path holds now; put the file back"
            )
    command = shlex.join(["seisinv", "compare", *map(str, directories), "--directory", str(directory)])
    truth = None
    if (overrides or {}).get("run.truth") is not None:
        truth = true_model(settings, directory, first.start.grid)
    with build.cluster_of(settings) as there:
        return _written(records, settings.compare, prepared, directory, command=command, truth=truth, executor=there)


def planned(job: Mapping[str, Any], directory: Path) -> Iterator[Planned]:
    """Yield the runs of a comparison: each [[compare.run]] from each starting model and with each seed.

    Parameters
    ----------
    job : mapping
        Tables of the job, everything chosen.
    directory : Path
        Every run is kept in a folder of it.

    Raises
    ------
    ConfigError
        If a run has no name or that of another, or a key is wrong.
    """
    c = CompareSection.model_validate(job["compare"])
    if not c.run:
        raise ConfigError(
            'there is no [[compare.run]]; add at least one, such as [[compare.run]] with name = "TV" and '
            'penalty.kind = "total_variation"'
        )
    folders: dict[str, str] = {}
    for number, table in enumerate(c.run, 1):
        name = table.get("name")
        if not isinstance(name, str) or not name.strip():
            raise ConfigError(f'compare.run {number} has no name; give each run one: name = "TV"')
        if "compare" in table:
            raise ConfigError(f"compare.run {name!r} holds compare; a run can change any other table")
        if name.strip().lower() in ("start", "truth"):
            raise ConfigError(f"compare.run {name!r}: rows of the table have that name already; choose another")
        own = config.current({key: value for key, value in table.items() if key != "name"})
        with _naming(Label(name, name)):
            plain = config.settings_from(_of_run(job, own))
            speed = speed_of(wave_equation(plain.propagator.physics))
        if c.starts and plain.start.kind == "tomography":
            raise ConfigError(
                f"compare.run {name!r} makes its own start (start.kind = 'tomography'), which compare.starts would "
                "only repeat; leave one of them out"
            )
        starts: list[str | None] = [*c.starts] if c.starts else [None]
        for start in starts:
            for seed in c.seeds or [plain.run.seed]:
                label = _label(name, start, seed, c)
                folder = folder_name(label.name)
                if folder in folders:
                    raise ConfigError(f"compare.run {name!r}: {folders[folder]!r} has the same name; rename one")
                folders[folder] = label.name
                place = {"directory": str(directory / folder), "seed": seed}
                more: dict[str, Any] = {"run": place} | ({} if start is None else {"start": {speed: start}})
                yield Planned(label, config.settings_from(_of_run(job, own), more))


def _of_run(job: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables of a run: those of the job with its own keys in place.

    A reconstruction does without what it has no use for, unless its own tables ask for it: a run inherits windows and
    the like from the job, which cannot be unset in TOML.
    """
    tables = config.merged({name: table for name, table in job.items() if name != "compare"}, own)
    if tables["inversion"].get("method") == "reconstruction":
        for section, key in (name.split(".") for name in FWI_ONLY):
            table = own.get(section, {})
            if not (isinstance(table, Mapping) and key in table):
                tables[section] = {k: v for k, v in tables[section].items() if k != key}
    return tables


@contextmanager
def _naming(label: Label) -> Iterator[None]:
    """Say in an error which run it is about."""
    try:
        yield
    except SeisinvError as error:
        raise error.within(f"compare.run {label.name!r}") from None


def _label(name: str, start: str | None, seed: int, c: CompareSection) -> Label:
    shown = "" if start is None or len(c.starts or []) < 2 else Path(start).name
    parts = [name, *([f"from {shown}"] if shown else []), *([f"seed {seed}"] if len(c.seeds or []) > 1 else [])]
    return Label(", ".join(parts), name, shown, seed)


def _prepared(run: Planned, base: Prepared, directory: Path) -> Prepared:
    """Return a run with every choice made; refuse other data, another grid, and what cannot work."""
    for section in ("data", "grid", "survey"):
        ours, theirs = base.tables[section], config.dump(run.settings)[section]
        differ = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key) and key != "weights"]
        if differ:
            raise ConfigError(
                f"compare.run {run.label.name!r} has {section}.{differ[0]} = {theirs.get(differ[0])!r}, the job has "
                f"{ours.get(differ[0])!r}; runs over different {'grids' if section == 'grid' else 'data'} cannot be "
                "compared"
            )
    with _naming(run.label):
        mine = prepare(run.settings, data=base.data, directory=directory, fit_start=False)
        method_of(mine)
    if run.settings.run.truth != base.settings.run.truth:
        raise ConfigError(f"compare.run {run.label.name!r} has another run.truth; all are measured against one earth")
    return mine


def _is_finished(run: Prepared) -> bool:
    """Return whether a run has ended, with the settings it has now."""
    files = ("cost.json", "fit.json")
    if not all((run.directory / name).exists() for name in files) or run.settings.ensemble.members > 1:
        return False
    there = (config.load(run.directory / "run.toml"), config.settings_from(run.tables))
    left, right = (s.model_copy(update={"run": s.run.model_copy(update=dict.fromkeys(ENGINE))}) for s in there)
    return left == right


def _written(
    records: Mapping[Label, RunRecord],
    c: CompareSection,
    prepared: Prepared | None,
    directory: Path,
    *,
    command: str,
    truth: Model | None = None,
    executor: Executor = None,
) -> tuple[Comparison, Path]:
    evaluator, made_with, water = None, None, None
    notes: list[str] = []
    if prepared is not None:
        evaluator = evaluator_for(prepared, c, executor)
        water = evaluator.problem.water_cells
        made_with = _recipe(prepared.observed)
        notes = list(prepared.notes)
    log.info("predicting the data in every model")
    comparison = evaluate(
        records, evaluator=evaluator, truth=truth, water=water, split=c.split, success=c.success, made_with=made_with,
        notes=notes,
    )  # fmt: skip
    for text in comparison.warnings[len(comparison.bad_ends) :]:  # those come first wherever the table is shown
        log.warning("%s", text)
    return comparison, write_comparison(comparison, directory, command=command)


def _recipe(observed: Observed) -> ModellingRecipe | None:
    from seisinv.io import Line

    line = observed.line if isinstance(observed, Thinned) else observed
    return ModellingRecipe.read(line.text) if isinstance(line, Line) else None


def _settings_of(record: RunRecord, overrides: Mapping[str, Any]) -> Settings:
    """Return the settings of a run, as far as it has any: one that was run from Python knows no data file."""
    known = set(Settings.model_fields)
    if not set(record.settings) & known:
        return config.load(None, overrides)
    return config.load(record.directory / "run.toml", overrides)


def _start_key(record: RunRecord) -> bytes:
    return b"".join(np.ascontiguousarray(record.start[n].numpy()).tobytes() for n in record.start)


def _check_place(directory: Path, runs: Sequence[Path]) -> None:
    """Refuse a directory that holds another comparison."""
    file = directory / JSON
    if not file.exists():
        if (directory / PAGE).exists():
            raise RunError(f"{directory} holds {PAGE} but no {JSON}", remedy=OTHER)
        return
    try:
        there = {Path(run["directory"]).resolve() for run in read_json(file)["runs"]}
    except (DataError, KeyError, TypeError):
        raise RunError(f"{file} is not a comparison", remedy=OTHER) from None
    if there != {run.resolve() for run in runs}:
        raise RunError(f"{directory} holds a comparison of other runs", remedy=OTHER)
