"""Synthetic cases: data modelled on a finer grid than inverts them, noise, and the check for an inverse crime."""

from seisinv.synthetic.case import Case, model_data, refined, smooth_start, surface_survey, water_layer
from seisinv.synthetic.noise import band_noise, median_rms, with_noise, without_traces
from seisinv.synthetic.recipe import ModellingRecipe, inverse_crime
from seisinv.synthetic.seafloor import Seafloor

__all__ = [
    "Case",
    "ModellingRecipe",
    "Seafloor",
    "band_noise",
    "inverse_crime",
    "median_rms",
    "model_data",
    "refined",
    "smooth_start",
    "surface_survey",
    "water_layer",
    "with_noise",
    "without_traces",
]
