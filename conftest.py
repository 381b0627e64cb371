"""What tests and doctests share: one thread, a fixed seed, and for doctests a folder of their own."""

from __future__ import annotations

import os

# One thread per test: the tests are small, and their numbers must not depend on the machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest


@pytest.fixture(autouse=True)
def _alone(request: pytest.FixtureRequest) -> None:
    """Let an example begin from the same random state wherever it stands, and write into a temporary folder."""
    if not isinstance(request.node, pytest.DoctestItem):
        return
    import numpy as np
    import torch

    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002  for examples that draw as users do
    request.getfixturevalue("monkeypatch").chdir(request.getfixturevalue("tmp_path"))
