"""How an earth is drawn: which structures occur together, and how large they are.

Sizes are relative to the depth `depth` and width `width` of the section, within physical limits where there are any.
"""

from __future__ import annotations

import numpy as np

from seisinv.geology.bodies import Bed, Salt
from seisinv.geology.curves import NODES, Curve, Texture, log_uniform
from seisinv.geology.earth import Earth, Sequence
from seisinv.geology.parameters import Distributions
from seisinv.geology.rocks import BASALT, SEDIMENT, Compaction, Layers
from seisinv.geology.structure import Clinoforms, Deformation, Fading, Fault, Field, Fold


def draw_earth(geology: Distributions, random: np.random.Generator, depth: float, width: float) -> Earth:
    """Draw an earth of `depth` × `width` metres."""
    drawing = _Drawing(geology, random, depth, width)
    floor, floor_depth = drawing.seafloor()
    salt, drape = drawing.salt(floor_depth)
    sequences = drawing.sequences(floor, floor_depth, drape)
    marine = floor is not None
    trend = Compaction(
        random.uniform(1560, 2100) if marine else random.uniform(1700, 2500),
        random.uniform(3900, 5100),
        log_uniform(random, 1800, 5500),
    )
    within = float(random.uniform() if random.uniform() < 0.45 else 0.0)
    today = float(random.uniform(0, 0.5) if random.uniform() < 0.4 else 0.0)
    high = log_uniform(random, 0.012, 0.04) * depth
    return Earth(
        floor=floor,
        water=float(random.uniform(1470, 1530)),
        weathered=drawing.weathered() if not marine else None,
        sequences=sequences,
        trend=trend,
        gradient=(within, today),
        texture=Texture.draw(random, (high, high * log_uniform(random, 1.5, 10))),
        roughness=geology.texture * float(np.exp(min(0.7 * random.standard_normal(), 1.1))),
        beds=drawing.beds(len(sequences), floor_depth),
        salt=salt,
        limits=(1480.0, 5200.0),
    )


class _Drawing:
    def __init__(self, geology: Distributions, random: np.random.Generator, depth: float, width: float) -> None:
        self.geology, self.random, self.depth, self.width = geology, random, depth, width
        self.across, self.down = (-0.6 * width, 1.6 * width), (-1.5 * depth, 2.5 * depth)
        # How strongly the section is deformed: layer cake, gently curved, stretched, shortened.
        self.style = str(random.choice(["flat", "gentle", "stretched", "shortened"], p=[0.12, 0.28, 0.36, 0.24]))

    def seafloor(self) -> tuple[Curve | None, float]:
        random, depth = self.random, self.depth
        if random.uniform() >= self.geology.marine:
            return None, 0.0
        mean = float(np.clip(log_uniform(random, 0.04, 0.35) * depth, 15, 2500))
        rms = mean * random.uniform(0.02, 0.28)
        floor = Curve.waves(random, self.across, lengths=(0.8 * depth, 6 * depth), rms=rms, count=6)
        values = mean + floor.values * min(1.0, 0.85 * mean / np.abs(floor.values).max())
        return Curve(floor.start, floor.step, values), mean

    def weathered(self) -> tuple[Curve, float] | None:
        random = self.random
        if random.uniform() < 0.6:
            return None
        mean = float(np.clip(random.uniform(0.01, 0.05) * self.depth, 5, 60))
        base = Curve.waves(random, self.across, lengths=(0.2 * self.depth, 2 * self.depth), rms=0.25 * mean, count=8)
        return Curve(base.start, base.step, mean + base.values), float(random.uniform(1450, 1800))

    def salt(self, floor: float) -> tuple[Salt | None, Fold | None]:
        random, depth = self.random, self.depth
        if random.uniform() >= self.geology.salt:
            return None, None
        place, room = random.uniform(0.15, 0.85) * self.width, depth - floor
        sheet = bool(random.uniform() < 0.35)
        half = random.uniform(0.35, 0.9) * depth if sheet else random.uniform(0.15, 0.5) * depth
        half = min(half, 0.35 * self.width)
        base = floor + random.uniform(0.35, 0.7) * room if sheet else floor + random.uniform(0.75, 1.25) * room
        height = random.uniform(0.12, 0.3) * room if sheet else (base - floor) * random.uniform(0.4, 0.88)
        rough = Curve.waves(
            random,
            self.across if sheet else self.down,
            lengths=(0.2 * depth, 1.2 * depth),
            rms=random.uniform(0.04, 0.14),
            count=5,
        )
        body = Salt(
            place=place, half=half, base=base, height=height,
            lean=float(random.normal(0, 0.15)), blunt=float(random.uniform(1.8, 3.2)), sheet=sheet,
            tilt=float(random.normal(0, 0.08)), rough=rough, velocity=float(random.uniform(4400, 4650)),
        )  # fmt: skip
        if sheet:
            return body, None
        # Beds bend up towards the dome, the more the deeper.
        x = np.linspace(*self.across, NODES)
        rise = -random.uniform(0.3, 0.6) * height * np.exp(-(((x - place) / (half * random.uniform(1.3, 2.2))) ** 2))
        growth = 1.7 * float(np.abs(rise).max())
        drape = Fold(Curve(float(x[0]), float(x[1] - x[0]), rise), tip=floor, growth=max(growth, base - floor), share=0)
        return body, drape

    def sequences(self, floor: Curve | None, floor_depth: float, drape: Fold | None) -> tuple[Sequence, ...]:
        random, geology, depth = self.random, self.geology, self.depth
        count = int(random.choice([1, 2, 3], p=[0.3, 0.47, 0.23]))
        bases = floor_depth + (depth - floor_depth) * np.sort(random.uniform(0.15, 0.85, count - 1))
        basement = bool(random.uniform() < geology.basement)
        if basement:
            bases = np.append(bases, floor_depth + (depth - floor_depth) * random.uniform(0.65, 1.0))
            bases.sort()
        # The main deformation is that of one sequence and all below; the others are gentle.
        main = 0 if random.uniform() < 0.5 else int(random.integers(count))
        beds_in_depth = log_uniform(random, *geology.layers)
        spread, jump = geology.spread * random.uniform(0.6, 1.5), geology.jump * log_uniform(random, 0.35, 1.8)
        buried = 0.0 if random.uniform() < 0.65 else float(random.exponential(600))
        throws = int(random.integers(geology.faults + 1))
        out = []
        for k in range(count + basement):
            deformations: list[Deformation] = []
            if k == 0 and floor is not None:
                relief = Curve(floor.start, floor.step, floor.values - floor_depth)
                fade = max(log_uniform(random, 0.1, 1.0) * depth, 1.3 * float(np.abs(relief.values).max()))
                deformations.append(Fading(relief, floor_depth, fade))
            if k == 0 and drape is not None:
                deformations.append(drape)
            top = floor_depth if k == 0 else -self.depth
            deformations += self.faults(throws if k == main else 0, top, active=k == 0)
            deformations += self.folds(top, strong=k == main)
            thickness = float(np.clip(depth / beds_in_depth * log_uniform(random, 0.6, 1.6), *geology.thickness))
            layers = Layers.draw(random, self.down, thickness=thickness, spread=spread, jump=jump)
            base = None
            if k < len(bases):
                slope = random.uniform(0.005, 0.06) * self.width
                base = Curve.waves(random, self.across, lengths=(0.6 * depth, 4 * self.width), rms=slope, count=7)
                base = Curve(base.start, base.step, base.values + bases[k])
            rock = float(random.uniform(4600, 5400)) if basement and k == count else 0.0
            out.append(Sequence(tuple(deformations), base, layers, buried - floor_depth, rock))
            buried += float(random.uniform(0.05, 0.45) * max(depth, 500.0))
        return tuple(out)

    def folds(self, top: float, *, strong: bool) -> list[Deformation]:
        """Folds, swelling beds and now and then a prograding slope."""
        random, depth = self.random, self.depth
        steepest = {"flat": 0.02, "gentle": 0.15, "stretched": 0.15, "shortened": self.geology.dip}[self.style]
        slope = steepest * random.uniform(0.2, 1.0) * (1.0 if strong else 0.35)
        short = log_uniform(random, 0.7, 2.0) * depth
        shape = Curve.waves(random, self.across, lengths=(short, 4 * short), rms=1.0, count=int(random.integers(1, 6)))
        tilt = random.normal(0, 0.35 * slope) * (np.linspace(*self.across, len(shape.values)) - 0.5 * self.width)
        rms = slope / np.gradient(shape.values, shape.step).std()
        shape = Curve(shape.start, shape.step, rms * shape.values + tilt)
        high = float(np.abs(shape.values[NODES // 4 : 3 * NODES // 4]).max())
        share = float(random.choice([1.0, 0.0, 0.3]))
        tip = top + random.uniform(0, 0.3) * depth
        out: list[Deformation] = [Fold(shape, tip, max(1.8 * high, random.uniform(0.3, 1.0) * depth), share)]
        swell = log_uniform(random, 0.003, 0.025 if self.style != "flat" else 0.008) * depth
        terms = []
        for _ in range(2):
            down = Curve.waves(random, self.down, lengths=(0.6 * depth, 2 * depth), rms=1.0, count=3)
            terms.append((down, Curve.waves(random, self.across, lengths=(0.5 * depth, 3 * depth), rms=swell, count=4)))
        out.append(Field(tuple(terms)))
        if random.uniform() < 0.12:
            height, quarter = random.uniform(0.08, 0.3) * depth, random.uniform(0.1, 0.4) * depth
            advance = random.uniform(0, 3.0) * quarter / height
            side = int(random.choice([-1, 1]))
            middle = random.uniform(0.1, 0.9) * self.width - side * advance * 0.4 * depth
            out.append(Clinoforms(middle, height, side * quarter, side * advance))
        return out

    def faults(self, count: int, top: float, *, active: bool) -> list[Deformation]:
        """Faults of one generation: they dip mostly to one side."""
        random, depth = self.random, self.depth
        if self.style == "flat":
            count = min(count, 1)
        leading = int(random.choice([-1, 1]))
        reverse_share = {"flat": 0.1, "gentle": 0.2, "stretched": 0.0, "shortened": 0.85}[self.style]
        out: list[Deformation] = []
        where = (random.permutation(count) + random.uniform(0.1, 0.9, count)) / max(count, 1)
        for k in range(count):
            side = leading if random.uniform() < 0.7 else -leading
            reverse = random.uniform() < reverse_share
            listric = random.uniform() < (0.6 if reverse else 0.3)
            slope = np.tan(np.radians(random.uniform(24, 48) if reverse else random.uniform(50, 76)))
            flat = depth * (random.uniform(0.7, 1.4) if listric else random.uniform(3, 8))
            throw = depth * log_uniform(random, 0.015, 0.18 if self.style in ("stretched", "shortened") else 0.06)
            heave = min(throw / slope * (1.6 if listric else 1.0), 0.35 * depth)
            middle = min(0.45 * depth, 0.6 * flat)
            place = where[k] * self.width + side * flat / slope * np.log1p(-middle / flat)
            # A fault that died before the youngest beds, one that grew with them, or one cut off by an erosion.
            tip = top + random.uniform(-0.2, 0.4) * depth if active else top
            growth = max(1.8 * slope * heave, random.uniform(0.1, 0.6) * depth)
            reach = depth * log_uniform(random, 1.0, 8.0)
            out.append(
                Fault(float(place), side, float(slope), float(flat), float(-heave if reverse else heave),
                      float(tip), float(growth), float(reach))
            )  # fmt: skip
        return out

    def beds(self, count: int, floor: float) -> tuple[Bed, ...]:
        """Channels, lenses, and in some models basalt: sills or a flow."""
        random, depth = self.random, self.depth
        out = []

        def level() -> float:
            return floor + random.uniform(0.05, 0.95) * (depth - floor)

        def place() -> float:
            return random.uniform(0.0, 1.0) * self.width

        for _ in range(random.poisson(self.geology.channels)):
            half, cut = log_uniform(random, 0.06, 0.3) * depth, log_uniform(random, 0.02, 0.09) * depth
            fill = random.uniform(0.8, 0.95) if random.uniform() < 0.65 else random.uniform(1.06, 1.2)
            out.append(Bed(int(random.integers(count)), place(), half, level(), 0.0, 0.0, cut, 2.0, SEDIMENT, fill))
        for _ in range(random.poisson(self.geology.lenses)):
            half, thick = log_uniform(random, 0.08, 0.45) * depth, log_uniform(random, 0.015, 0.07) * depth
            fill = random.uniform(0.8, 0.93) if random.uniform() < 0.4 else random.uniform(1.07, 1.28)
            bulge = random.uniform(0, 1)
            out.append(
                Bed(int(random.integers(count)), place(), half, level(), 0.0,
                    thick * bulge, thick * (1 - bulge), 2.0, SEDIMENT, fill)
            )  # fmt: skip
        if random.uniform() < self.geology.basalt:
            era, velocity = int(random.integers(count)), random.uniform(4900, 5500)
            if random.uniform() < 0.4:
                thick, half = random.uniform(0.05, 0.16) * depth, random.uniform(0.4, 1.5) * self.width
                at = floor + random.uniform(0.2, 0.7) * (depth - floor)
                out.append(Bed(era, place(), half, at, 0.0, 0.3 * thick, 0.7 * thick, 4.0, BASALT, velocity))
            else:
                for _ in range(int(random.integers(1, 4))):
                    thick, half = float(np.clip(random.uniform(0.015, 0.05) * depth, 20, 200)), random.uniform(0.3, 1.2)
                    rise = -random.uniform(0, 0.2) * depth
                    at = floor + random.uniform(0.25, 0.9) * (depth - floor)
                    out.append(
                        Bed(era, place(), half * depth, at, rise, 0.5 * thick, 0.5 * thick, 8.0, BASALT, velocity)
                    )
        return tuple(out)
