"""Synthetic cases: data modelled on a finer grid than inverts them, noise, and the check for an inverse crime."""

from seisinv.synthetic.recipe import ModellingRecipe, inverse_crime

__all__ = ["ModellingRecipe", "inverse_crime"]
