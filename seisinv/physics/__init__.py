"""Wave equations; one file is one physics, and everything else is derived from its `equations()`."""

from seisinv.physics.acoustic import Acoustic
from seisinv.physics.acoustic_density import AcousticDensity
from seisinv.physics.base import Component, Kind, Physics, halfway, motion, wave_equation
from seisinv.physics.elastic import Elastic
from seisinv.physics.elastic_sh import ElasticSH

__all__ = [
    "Acoustic",
    "AcousticDensity",
    "Component",
    "Elastic",
    "ElasticSH",
    "Kind",
    "Physics",
    "halfway",
    "motion",
    "wave_equation",
]
