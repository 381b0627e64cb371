"""Procedural geology: an endless, seeded stream of plausible velocity models.

Every earth is drawn as a history and sampled backwards. A point is taken through what moved it last to what moved it
first (drape, salt, faults, folds, swelling beds, prograding slopes), sequence by sequence, each ending below at the
erosion that cut the older ones; what remains is the level at which it was laid down. The level's bed gives the
velocity: a compaction trend times a jump. Channels, lenses and sills lie in the beds and are deformed with them; salt,
the weathered layer and water are put on top. Nothing is taken from a published model.
"""

from seisinv.geology.stream import SPACING, Geology

__all__ = ["SPACING", "Geology"]
