"""Sources and receivers swapped, where that takes fewer simulations: many shots recorded by few nodes are few shots.

In a medium of constant density the pressure at A of a source at B is that at B of the same source at A; here to the
accuracy of single precision and of the absorbing layers (tests/test_field.py).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from seisinv.core import Argument, Gathers, Message, Observed, Shot, Survey
from seisinv.core.memory import available_memory
from seisinv.jobs.data import Data
from seisinv.jobs.settings import Settings

WORTH = 0.5  # receivers per shot, up to which swapping is worth it
DIGITS = 3  # of positions in m that are one


def in_fewer_shots(settings: Settings, data: Data) -> Data:
    """Return the data with sources and receivers swapped where there are far fewer receivers than shots, and say so."""
    wanted, survey = settings.data.reciprocity, data.observed.survey
    if wanted is False or settings.propagator.physics != "acoustic" or settings.wavelet.per_shot:
        return data
    if any(len(shot.sources) > 1 for shot in survey.shots):
        return data
    nodes = len(_places(survey))
    if wanted is None and nodes > WORTH * len(survey):
        return data
    if 16 * len(survey) * survey.max_receivers * survey.time.samples > available_memory():
        return data
    note = Message(
        f"reciprocity: {len(survey)} shots recorded at {nodes} places are modelled as {nodes} shots recorded at "
        f"{len(survey)} places, which is the same (", Argument("data.reciprocity", False), " for as recorded)",
    )  # fmt: skip
    held = None if data.held_out is None else swapped(data.held_out)
    return replace(data, observed=swapped(data.observed), held_out=held, notes=(*data.notes, note))


def _places(survey: Survey) -> np.ndarray:
    """Return the distinct places of receivers [place, axis]."""
    return np.unique(np.round(np.concatenate([shot.receivers for shot in survey.shots]), DIGITS), axis=0)


def swapped(observed: Observed) -> Gathers:
    """Return gathers of one shot for each place of a receiver, recorded at the sources of those it recorded.

    Parameters
    ----------
    observed : Observed
        One source to a shot.
    """
    survey, gathers = observed.survey, observed[list(range(len(observed)))]
    places = _places(survey)
    number = {tuple(place): k for k, place in enumerate(places.tolist())}
    traces: list[list[tuple[int, int]]] = [[] for _ in places]
    for i, shot in enumerate(survey.shots):
        for j, place in enumerate(np.round(shot.receivers, DIGITS).tolist()):
            traces[number[tuple(place)]].append((i, j))
    shots, width = [], max(len(rows) for rows in traces)
    data = torch.zeros(len(places), width, survey.time.samples, dtype=gathers.data.dtype)
    live = torch.zeros(len(places), width, dtype=torch.bool)
    for k, rows in enumerate(traces):
        first, second = (list(column) for column in zip(*rows, strict=True))
        times = None if survey.used is None else survey.used[first, second]
        shots.append(Shot(places[k][None], np.concatenate([survey.shots[i].sources for i in first]), k + 1, times))
        data[k, : len(rows)], live[k, : len(rows)] = gathers.data[first, second], gathers.live[first, second]
    return Gathers(data, Survey(tuple(shots), survey.time), live)
