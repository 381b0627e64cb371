"""Checks for a wave equation, a backend or a propagator of your own: exact adjoints, derivatives, accuracy.

    from seisinv.testing import check_physics, dot_test, taylor_test

`check_physics` runs all that must hold for any wave equation.  The others test one propagator in one model; all raise
`AssertionError` with the numbers that disagree and return what they measured.  `seisinv.testing.accuracy` compares the
wave equations of this package with exact solutions.
"""

from seisinv.testing.checks import CHECKS, check_physics
from seisinv.testing.operators import backend_test, dot_test, hessian_test, taylor_test
from seisinv.testing.problem import ForwardOperator, random_problem

__all__ = [
    "CHECKS",
    "ForwardOperator",
    "backend_test",
    "check_physics",
    "dot_test",
    "hessian_test",
    "random_problem",
    "taylor_test",
]
