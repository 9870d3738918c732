"""Flows: linear expressions over meter hours, and standard coal (contract §2, **Flows**).

Choices where the contract is silent:

* A flow has a row for an hour when at least one of its meters has one. Where a silent
  meter with a negative coefficient makes the quantity null, the row stands with the mean
  coverage and the names of the silent meters.
* ``estimated_quantity`` is the same linear expression over the meters' estimated parts,
  null where the quantity is.
* A site's own rows for an energy code replace the seed's rows altogether.
* The coefficient's date is the local calendar date of the hour's start, not its stat_date.
* A measured heat value (kJ per unit ÷ 29307.6 = kgce per unit) replaces the equivalent
  (当量) coefficient; it replaces the equal (等价) one too where the energy is primary or
  the two coefficients are the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import TypeAlias

from tests.reference.meters import MeterHours
from tests.reference.model import Flow, Plant
from tests.reference.periods import local_time

#: kJ in one kilogram of standard coal (GB/T 2589: 29307.6).
KJ_PER_KGCE = Fraction("29307.6")


@dataclass(frozen=True)
class FlowHour:
    quantity: Fraction | None
    tce_equivalent: Fraction | None
    tce_equal: Fraction | None
    coverage: Fraction
    estimated_quantity: Fraction | None
    missing_meters: frozenset[str]


FlowHours: TypeAlias = dict[int, FlowHour]


def terms_of(expression: str) -> dict[str, Fraction]:
    """``M1 + M2 - 0.5 * M3`` as coefficients by meter code; operators stand between spaces."""
    terms: dict[str, Fraction] = defaultdict(Fraction)
    sign, factor = 1, Fraction(1)
    words = expression.split()
    for index, word in enumerate(words):
        if word in ("+", "-"):
            sign, factor = (1 if word == "+" else -1), Fraction(1)
        elif index + 1 < len(words) and words[index + 1] == "*":
            factor = Fraction(word)
        elif word != "*":
            terms[word] += sign * factor
    return {code: coefficient for code, coefficient in terms.items() if coefficient}


def coefficients(plant: Plant, energy_code: str, on: date) -> tuple[Fraction | None, Fraction | None]:
    """kgce per unit, equivalent and equal, valid on a local date; None where unknown."""
    own = [energy for energy in plant.energies if energy.energy_code == energy_code]
    candidates = own or [energy for energy in plant.seed_energies if energy.energy_code == energy_code]
    valid = [energy for energy in candidates if energy.valid_from <= on < energy.valid_to]
    equivalent = valid[-1].kgce_per_unit if valid else None
    equal = valid[-1].kgce_per_unit_equal if valid else None
    measured = [
        heat.kj_per_unit / KJ_PER_KGCE
        for heat in plant.heat_values
        if heat.energy_code == energy_code and heat.valid_from <= on < heat.valid_to
    ]
    if measured:
        is_primary = bool(valid) and valid[-1].energy_class == "primary"
        if is_primary or (equal is not None and equal == equivalent):
            equal = measured[-1]
        equivalent = measured[-1]
    return equivalent, equal


def tonnes(quantity: Fraction | None, kgce_per_unit: Fraction | None) -> Fraction | None:
    return None if quantity is None or kgce_per_unit is None else quantity * kgce_per_unit / 1000


def flow_hours(plant: Plant, flow: Flow, meters: Mapping[str, MeterHours]) -> FlowHours:
    if flow.measured_by is None:
        return {}
    terms = terms_of(flow.measured_by)
    result: FlowHours = {}
    for hour in sorted({hour for code in terms for hour in meters.get(code, {})}):
        rows = {code: meters[code][hour] for code in terms if hour in meters.get(code, {})}
        silent = frozenset(terms) - frozenset(rows)
        quantity: Fraction | None = sum((terms[code] * row.quantity for code, row in rows.items()), Fraction(0))
        estimated: Fraction | None = sum(
            (terms[code] * row.estimated_quantity for code, row in rows.items()), Fraction(0)
        )
        if any(terms[code] < 0 for code in silent):
            quantity = estimated = None
        equivalent, equal = coefficients(plant, flow.energy_code, local_time(plant, hour).date())
        result[hour] = FlowHour(
            quantity,
            tonnes(quantity, equivalent),
            tonnes(quantity, equal),
            sum((row.coverage for row in rows.values()), Fraction(0)) / len(terms),
            estimated,
            silent,
        )
    return result
