"""Synthetic energy and material flows of the plant, grown round its real electricity profile.

Every result is an array of quantities per quarter-hour in the unit of the meter that measures it.
Sub-meters add up to a little less than their main meter (losses of 1–3 %).
"""

from dataclasses import dataclass
from zlib import crc32

import numpy as np

from tests.plants.kunming_steel.real_data import real_kwh
from tests.plants.kunming_steel.window import QUARTERS_PER_DAY, REAL_DAYS, Window

Quantities = dict[str, np.ndarray]

BASE_LOAD_KWH = 4.2  # per quarter-hour; the public profile idles between 3 and 5

# meter: (share of the parent's base load, share of its production load)
FEEDERS = {
    "M-E-101": (0.15, 0.40),
    "M-E-102": (0.15, 0.34),
    "M-E-103": (0.35, 0.21),
    "M-E-104": (0.10, 0.04),
    "M-E-105": (0.25, 0.01),
}
DRIVES = {
    "M-E-101": {
        "M-E-111": (0.05, 0.72),
        "M-E-112": (0.30, 0.12),
        "M-E-113": (0.35, 0.10),
        "M-E-114": (0.30, 0.06),
    },
    "M-E-102": {
        "M-E-121": (0.10, 0.30),
        "M-E-122": (0.10, 0.38),
        "M-E-123": (0.40, 0.14),
        "M-E-124": (0.20, 0.10),
        "M-E-125": (0.20, 0.08),
    },
    "M-E-103": {
        "M-E-131": (0.10, 0.28),
        "M-E-132": (0.10, 0.22),
        "M-E-133": (0.30, 0.18),
        "M-E-134": (0.15, 0.10),
        "M-E-135": (0.05, 0.04),
        "M-E-136": (0.20, 0.13),
        "M-E-137": (0.10, 0.05),
    },
    "M-E-104": {"M-E-141": (0.40, 0.45), "M-E-142": (0.20, 0.40), "M-E-143": (0.40, 0.15)},
    "M-E-105": {"M-E-151": (0.35, 0.60), "M-E-152": (0.40, 0.35), "M-E-153": (0.25, 0.05)},
}

FEEDER_LOSS = 0.020
DRIVE_LOSS = 0.010
MEDIA_LOSS = 0.015
NETWORK_LOSS = 0.030  # steam and compressed air leak more than wires

EAF_KWH_PER_T = 370.0
MILL_KWH_PER_T = 58.0  # both stands together
AIR_KWH_PER_M3 = 0.112
COKE_T_PER_T = 0.014
OXYGEN_M3_PER_T = 30.0
LADLE_GAS_M3_PER_T = 5.0
FURNACE_GAS_M3_PER_KWH = 0.68  # per kWh of the mill stands
WASTE_HEAT_STEAM_T_PER_M3 = 0.0022
COAL_T_PER_T_STEAM = 0.155
BOILER_GAS_M3_PER_T_STEAM = 78.0
HOPPER_BATCH_T = 0.25
TANK_BATCH_T = 0.05


@dataclass(frozen=True)
class Simulation:
    """Quantities per quarter-hour by meter, and liquid steel and rolled steel in t."""

    window: Window
    by_meter: Quantities
    steel_t: np.ndarray
    rolled_t: np.ndarray

    def by_day(self, meter_code: str) -> np.ndarray:
        by_day: np.ndarray = self.by_meter[meter_code].reshape(-1, QUARTERS_PER_DAY).sum(axis=1)
        return by_day


def generator(name: str) -> np.random.Generator:
    """A generator of its own for every name, so that adding a meter changes no other."""
    return np.random.default_rng(crc32(name.encode()))


def simulate(window: Window) -> Simulation:
    real = np.array(real_kwh(), dtype=float).reshape(REAL_DAYS, QUARTERS_PER_DAY)
    incoming = real[window.real_day_numbers()]
    is_real = window.is_real_day()[:, None]
    result: Quantities = {
        "M-E-001": np.where(is_real, incoming, 0.0).ravel(),
        "M-E-002": np.where(is_real, 0.0, incoming).ravel(),
    }
    _electricity(result, incoming.ravel(), window)
    steel_t = result["M-E-111"] / EAF_KWH_PER_T * _wander("steel", window.quarters, 0.02)
    rolled_t = (result["M-E-121"] + result["M-E-122"]) / MILL_KWH_PER_T
    rolled_t = rolled_t * _wander("rolled", window.quarters, 0.03)
    _air(result)
    _steelmaking(result, steel_t)
    _furnace(result)
    _steam(result, window)
    _gas(result, window)
    _water(result, window, steel_t, rolled_t)
    return Simulation(window, result, steel_t, rolled_t)


def _electricity(result: Quantities, incoming: np.ndarray, window: Window) -> None:
    result.update(_share_out(incoming, FEEDERS, FEEDER_LOSS))
    hour = np.arange(window.quarters) % QUARTERS_PER_DAY / 4
    night = np.where((hour < 6.5) | (hour >= 18.5), 1.0, 0.05)
    for feeder, drives in DRIVES.items():
        shape = {"M-E-153": night, "M-E-151": 1.05 - night} if feeder == "M-E-105" else {}
        result.update(_share_out(result[feeder], drives, DRIVE_LOSS, shape))


def _air(result: Quantities) -> None:
    made = _sum(result, "M-E-131", "M-E-132", "M-E-133") / AIR_KWH_PER_M3
    result["M-A-101"] = made * _wander("M-A-101", len(made), 0.02)
    users = {"M-A-102": (0.35, 0.36), "M-A-103": (0.45, 0.47), "M-A-104": (0.2, 0.17)}
    result.update(_share_out(result["M-A-101"], users, NETWORK_LOSS))
    result["M-A-111"] = result["M-A-102"] * 0.62 * _wander("M-A-111", len(made), 0.05)
    result["M-A-121"] = result["M-A-103"] * 0.55 * _wander("M-A-121", len(made), 0.05)


def _steelmaking(result: Quantities, steel_t: np.ndarray) -> None:
    count = len(steel_t)
    lance = steel_t * OXYGEN_M3_PER_T * _wander("M-O-111", count, 0.04)
    cutting = result["M-E-142"] * 0.35 * _wander("M-O-102", count, 0.1)
    result["M-O-111"] = lance
    result["M-O-101"] = lance / (1 - DRIVE_LOSS)
    result["M-O-102"] = cutting
    result["M-O-001"] = (result["M-O-101"] + cutting) / (1 - MEDIA_LOSS)
    result["M-K-111"] = steel_t * COKE_T_PER_T * _wander("M-K-111", count, 0.05)
    result["M-K-101"] = _batches(result["M-K-111"] / (1 - DRIVE_LOSS), HOPPER_BATCH_T)
    result["M-G-121"] = _follow(steel_t, 6) * LADLE_GAS_M3_PER_T * _wander("M-G-121", count, 0.05)
    result["M-G-122"] = _follow(steel_t, 3) * LADLE_GAS_M3_PER_T * 0.4 * _wander("M-G-122", count, 0.05)


def _furnace(result: Quantities) -> None:
    heat = _follow(result["M-E-121"] + result["M-E-122"], 8) * FURNACE_GAS_M3_PER_KWH
    heat = heat * _wander("furnace", len(heat), 0.04)
    result["M-G-111"] = heat * 0.64
    result["M-G-112"] = heat * 0.36


def _steam(result: Quantities, window: Window) -> None:
    count = window.quarters
    hour = np.arange(count) % QUARTERS_PER_DAY / 4
    month = (window.edges()[:-1] + 8 * 3600).astype("datetime64[s]").astype("datetime64[M]").astype(int) % 12
    is_winter = np.isin(month, (10, 11, 0, 1, 2))
    result["M-S-104"] = _follow(result["M-E-102"], 4) * 0.0036 * _wander("M-S-104", count, 0.05)
    result["M-S-111"] = result["M-S-104"] * 0.78 * _wander("M-S-111", count, 0.02)
    heating = np.where(is_winter & (hour >= 6) & (hour < 22), 0.024, 0.0)
    bath = np.where((hour >= 19) & (hour < 22), 0.02, 0.001)
    result["M-S-105"] = (heating + bath) * _wander("M-S-105", count, 0.08)
    result["M-S-001"] = np.where((hour >= 8) & (hour < 20), 0.012, 0.002) * _wander("M-S-001", count, 0.1)
    made = (result["M-S-104"] + result["M-S-105"] + result["M-S-001"]) / (1 - NETWORK_LOSS)
    waste_heat = (result["M-G-111"] + result["M-G-112"]) * WASTE_HEAT_STEAM_T_PER_M3
    result["M-S-103"] = np.minimum(waste_heat, made * 0.9)
    rest = made - result["M-S-103"]
    result["M-S-102"] = rest * np.clip(0.28 * _wander("M-S-102", count, 0.2), 0.05, 0.6)
    result["M-S-101"] = rest - result["M-S-102"]
    result["M-C-111"] = result["M-S-101"] * COAL_T_PER_T_STEAM * _wander("M-C-111", count, 0.02)
    result["M-C-101"] = _batches(result["M-C-111"] / (1 - DRIVE_LOSS), TANK_BATCH_T)
    result["M-G-103"] = result["M-S-102"] * BOILER_GAS_M3_PER_T_STEAM * _wander("M-G-103", count, 0.02)


def _gas(result: Quantities, window: Window) -> None:
    hour = np.arange(window.quarters) % QUARTERS_PER_DAY / 4
    meals = ((hour >= 6.5) & (hour < 8)) | ((hour >= 10.5) & (hour < 13)) | ((hour >= 17) & (hour < 19))
    result["M-G-104"] = np.where(meals, 0.55, 0.0) * _wander("M-G-104", window.quarters, 0.15)
    result["M-G-101"] = (result["M-G-111"] + result["M-G-112"]) / (1 - DRIVE_LOSS)
    result["M-G-102"] = (result["M-G-121"] + result["M-G-122"]) / (1 - DRIVE_LOSS)
    total = _sum(result, "M-G-101", "M-G-102", "M-G-103", "M-G-104")
    result["M-G-001"] = total / (1 - FEEDER_LOSS / 2)


def _water(result: Quantities, window: Window, steel_t: np.ndarray, rolled_t: np.ndarray) -> None:
    count = window.quarters
    hour = np.arange(count) % QUARTERS_PER_DAY / 4
    result["M-W-111"] = _follow(steel_t, 4) * 2.4 * _wander("M-W-111", count, 0.05)
    result["M-W-121"] = _follow(rolled_t, 4) * 0.8 * _wander("M-W-121", count, 0.05)
    made = _sum(result, "M-S-101", "M-S-102", "M-S-103")
    result["M-W-131"] = made * 1.15 * _wander("M-W-131", count, 0.03)
    result["M-W-101"] = result["M-W-111"] * 1.12
    result["M-W-102"] = result["M-W-121"] * 1.15
    result["M-W-103"] = result["M-W-131"] * 1.2
    result["M-W-104"] = np.where((hour >= 6) & (hour < 23), 0.11, 0.01) * _wander("M-W-104", count, 0.15)
    total = _sum(result, "M-W-101", "M-W-102", "M-W-103", "M-W-104")
    result["M-W-001"] = total / (1 - MEDIA_LOSS)


def _sum(result: Quantities, *meter_codes: str) -> np.ndarray:
    total: np.ndarray = np.sum([result[code] for code in meter_codes], axis=0)
    return total


def _share_out(
    parent: np.ndarray,
    shares: dict[str, tuple[float, float]],
    loss: float,
    shapes: dict[str, np.ndarray] | None = None,
) -> Quantities:
    """Divide what reaches the parent's consumers; each share wanders, their sum does not."""
    scale = max(parent.max() / 157.18, 1e-9)  # the base load scales with the feeder's size
    base = np.minimum(parent, BASE_LOAD_KWH * scale)
    production = parent - base
    parts = {}
    for code, (base_share, production_share) in shares.items():
        part = (base_share * base + production_share * production) * _wander(code, len(parent), 0.08)
        parts[code] = part * (shapes or {}).get(code, 1.0)
    total = np.sum(list(parts.values()), axis=0)
    usable = parent * (1 - loss * _wander("loss of " + next(iter(shares)), len(parent), 0.1))
    ratio = np.divide(usable, total, out=np.zeros_like(total), where=total > 0)
    return {code: part * ratio for code, part in parts.items()}


def _wander(name: str, count: int, spread: float) -> np.ndarray:
    """A positive factor around 1 that drifts over some three hours with relative `spread`."""
    noise = generator(name).standard_normal(count)
    factor: np.ndarray = np.exp(_smooth(noise, 12) * np.sqrt(12) * spread - spread**2 / 2)
    return factor


def _smooth(values: np.ndarray, width: int) -> np.ndarray:
    """Mean of the last `width` values; what lies before the first is taken as the first."""
    total = np.cumsum(np.concatenate([np.full(width, values[0]), values]))
    mean: np.ndarray = (total[width:] - total[:-width]) / width
    return mean


def _follow(cause: np.ndarray, width: int) -> np.ndarray:
    """A consumption that follows its cause with the inertia of `width` quarter-hours."""
    follower: np.ndarray = np.maximum(_smooth(cause, width), 0.0)
    return follower


def _batches(use: np.ndarray, batch: float) -> np.ndarray:
    """Quantity issued in whole batches to cover `use`: the bin is refilled when it runs empty."""
    issued = np.ceil(np.cumsum(use) / batch) * batch
    return np.diff(issued, prepend=0.0)
