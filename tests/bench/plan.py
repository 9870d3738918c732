"""The yardstick's plant on paper: which meters there are, what they measure and how much passes.

Everything follows from the number of meters and the seed, so that the same call gives the same plant. The
plant is invented; it only has the shape of a real one: three levels, eight energies, most meters counters
read every quarter of an hour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SITE = "BENCH"
TIMEZONE = "Asia/Shanghai"
DIGITS = 100
"""Counts per unit of a reading: meters are read to two decimals, and all sums are exact in whole counts."""

REGISTER_MAX = 100_000
FEWEST_METERS = 20
MULTIPLIERS = (1000, 100, 10, 1)
FEWEST_COUNTS_PER_SLOT = 100
SLOTS_PER_HOUR = 4
MAX_PER_HOUR_FACTOR = 10
"""Plausible consumption ÷ mean consumption; no quarter of an hour comes near it."""


@dataclass(frozen=True)
class Energy:
    """An energy of the plant. ``made``: not bought but made inside, so its flows begin at level 2."""

    code: str
    share: float
    unit: str
    mean_per_hour: float
    made: bool = False


ENERGIES = (
    Energy("electricity", 0.60, "kWh", 60.0),
    Energy("fresh_water", 0.12, "t", 4.0),
    Energy("compressed_air", 0.08, "m3", 300.0, made=True),
    Energy("natural_gas", 0.06, "m3", 40.0),
    Energy("steam", 0.05, "t", 2.0, made=True),
    Energy("oxygen", 0.04, "m3", 50.0),
    Energy("nitrogen", 0.03, "m3", 50.0),
    Energy("raw_coal", 0.02, "t", 1.5, made=True),  # bought by the truck, known from the ERP
)

OTHER_KINDS = (("interval", 0.10), ("rate", 0.05), ("manual", 0.01))
"""Shares of the meters that are no counters read by the gateway."""


@dataclass(frozen=True)
class Plan:
    """All meters of the plant, one place in each array per meter."""

    seed: int
    codes: list[str]
    energies: np.ndarray
    """Place in ENERGIES."""
    levels: np.ndarray
    """1, 2, 3 from the plant's fence to its machines."""
    workshops: np.ndarray
    """Number of the workshop; the parents of level 3 are the level-2 meters of the same energy and workshop."""
    kinds: np.ndarray
    labels: np.ndarray
    """start or end, for intervals."""
    per_hour: np.ndarray
    """Mean quantity per hour in the energy's unit."""
    multipliers: np.ndarray
    is_miserable: np.ndarray
    """Meters with gaps, spikes, doubles and disputes; the others are clean."""
    is_replaced: np.ndarray

    @property
    def counts_per_slot(self) -> np.ndarray:
        """Mean advance of the counter in a quarter of an hour, in counts."""
        return self.per_hour / SLOTS_PER_HOUR / self.multipliers * DIGITS

    @property
    def every_slot(self) -> np.ndarray:
        """Meters read every quarter of an hour."""
        return self.kinds != "manual"

    def late_meters(self, count: int) -> list[int]:
        """Clean counters of level 3 whose day comes late, in a fixed order."""
        chosen = np.flatnonzero((self.kinds == "register") & ~self.is_miserable & (self.levels == 3))
        if len(chosen) < count:
            raise ValueError(f"{len(self.codes)} meters hold {len(chosen)} for late days, and {count} are asked for")
        return [int(place) for place in chosen[:count]]


def make_plan(meters: int, seed: int) -> Plan:
    """The plant of so many meters; raises ValueError below FEWEST_METERS."""
    if meters < FEWEST_METERS:
        raise ValueError(f"the yardstick needs at least {FEWEST_METERS} meters, not {meters}")
    random = np.random.default_rng([seed, meters])
    energies = np.repeat(np.arange(len(ENERGIES)), _shares([energy.share for energy in ENERGIES], meters, least=2))
    levels, workshops = np.empty(meters, dtype=int), np.zeros(meters, dtype=int)
    per_hour = np.empty(meters)
    for number, energy in enumerate(ENERGIES):
        places = np.flatnonzero(energies == number)
        _spread(places, energy.mean_per_hour, levels, workshops, per_hour, random)
    kinds = np.full(meters, "register", dtype="<U8")
    # The plant's fence is measured by what can be billed; the other kinds stand inside.
    inside = random.permutation(np.flatnonzero(levels > 1))
    for name, share in OTHER_KINDS:
        count = max(1, round(share * meters))
        kinds[inside[:count]], inside = name, inside[count:]
    multipliers = np.ones(meters, dtype=np.int64)
    is_counter = (kinds == "register") | (kinds == "manual")
    for multiplier in MULTIPLIERS[::-1]:
        is_enough = per_hour / SLOTS_PER_HOUR / multiplier * DIGITS >= FEWEST_COUNTS_PER_SLOT
        multipliers[is_counter & is_enough] = multiplier
    is_miserable = (np.arange(meters) % 5 == 4) & np.isin(kinds, ("register", "interval"))
    miserable_counters = np.flatnonzero(is_miserable & (kinds == "register"))
    is_replaced = np.zeros(meters, dtype=bool)
    is_replaced[miserable_counters[:: max(1, min(25, len(miserable_counters)))]] = True
    return Plan(
        seed=seed,
        codes=[f"M{number:05d}" for number in range(1, meters + 1)],
        energies=energies,
        levels=levels,
        workshops=workshops,
        kinds=kinds,
        labels=np.where(np.arange(meters) % 2 == 0, "start", "end"),
        per_hour=per_hour,
        multipliers=multipliers,
        is_miserable=is_miserable,
        is_replaced=is_replaced,
    )


def _shares(shares: list[float], total: int, least: int) -> np.ndarray:
    """Whole numbers in these shares that add up to ``total``, none below ``least``."""
    counts = np.maximum(np.floor(np.array(shares) * total).astype(int), least)
    counts[0] += total - counts.sum()
    return counts


def _spread(
    places: np.ndarray,
    mean: float,
    levels: np.ndarray,
    workshops: np.ndarray,
    per_hour: np.ndarray,
    random: np.random.Generator,
) -> None:
    """Put an energy's meters on three levels, so that each level carries what the one below it takes."""
    first = max(1, len(places) // 100)
    second = max(1, len(places) // 10)
    levels[places] = np.where(
        np.arange(len(places)) < first, 1, np.where(np.arange(len(places)) < first + second, 2, 3)
    )
    leaves = places[first + second :]
    workshops[places[first : first + second]] = np.arange(second)
    workshops[leaves] = np.arange(len(leaves)) % second
    per_hour[leaves] = np.round(mean * random.uniform(0.4, 1.6, len(leaves)), 3)
    for number, place in enumerate(places[first : first + second]):
        below = per_hour[leaves[workshops[leaves] == number]].sum()
        per_hour[place] = round(below * 1.01 if below else mean, 3)
    inside = per_hour[places[first : first + second]].sum()
    per_hour[places[:first]] = round(inside * 1.01 / first, 3)
    if first > 1:  # the first of several counts what goes out again, a little
        per_hour[places[0]] = round(inside * 0.02, 3)
        per_hour[places[1:first]] = round(inside * 1.03 / (first - 1), 3)
