"""A sample of `scripts/fuzz`: readers succeed or refuse in one line, whatever a file holds."""

from __future__ import annotations

import dataclasses
import os
import time
import warnings

import hostile_files
import pytest

from seisinv import io
from seisinv.core import DataError, Shot, TimeAxis


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lines")
    found = hostile_files.line_seeds()
    for name, content in found.items():
        hostile_files.written(folder / name, content)
    return found, folder


def test_whole_lines_need_no_remark(seeds):
    """Else a remark on a damaged one would prove nothing; SU and SEG-2 leave units and levels unsaid."""
    for name in seeds[0]:
        line = io.open_line(seeds[1] / name)
        assert len(line.notes) == {".sgy": 0, ".su": 1, ".seg2": 2}[name[name.rindex(".") :]], line.notes
        assert len(line) == (1 if name.endswith("seg2") else 4)


@pytest.mark.parametrize(("kind", "count"), [("lines", 200), ("hostile", 150)])
def test_damaged_and_hostile_files_are_read_or_refused(seeds, kind, count):
    hostile_files.readers("run")  # imports what the processes share
    found, folder = seeds
    faults: dict[int, list[str]] = {}
    for first in range(0, count, 50):
        faults |= hostile_files.examined(range(first, first + 50), 12, kind, found, folder)
    assert not {index: wrong for index, wrong in faults.items() if wrong}


def refuse(text):
    raise DataError(text)


@pytest.mark.parametrize(
    ("read", "word"),
    [
        (lambda: 1 / 0, "internal error: ZeroDivisionError"),
        (lambda: warnings.warn("odd", stacklevel=1), "warning: UserWarning: odd"),
        (lambda: refuse("x" * 2000), "a line of 2,000 characters"),
        (lambda: refuse("two\nlines"), None),
        (lambda: 3, None),
    ],
)
def test_faults_of_readers_are_seen(read, word):
    wrong: list[str] = []
    hostile_files.allowed(read, wrong)
    assert [text.startswith(str(word)) for text in wrong] == ([True] if word else [])


@pytest.mark.parametrize(
    ("examine", "word"),
    [
        (lambda: time.sleep(30), "hang"),
        (lambda: os.kill(os.getpid(), 9), "crash: the process ended with -9"),
        (lambda: bytes(2**40) and None, "crash"),
        (lambda: os.write(2, b"noise"), "stderr: noise"),
        (list, ""),
    ],
)
def test_faults_of_processes_are_seen(examine, word):
    assert hostile_files.forked(examine, seconds=1)[1].startswith(word)


def test_silent_changes_are_seen(seeds):
    line = io.open_line(seeds[1] / "big-5.sgy")
    assert hostile_files.unsaid(line, line) == []
    survey = line.survey
    far = survey.replace(shots=[Shot(s.sources + 5000, s.receivers + 5000) for s in survey.shots])
    late = survey.replace(time=TimeAxis(0.5, survey.time.samples, 3.0))
    for changed, word in ((far, "positions moved"), (late, "times changed")):
        assert hostile_files.unsaid(dataclasses.replace(line, survey=changed), line) == [f"silent: {word}"]
