"""Tags of the DAGs: one of each kind, so that the list in Airflow filters well. A test holds DAGs to them."""

from __future__ import annotations

from enum import StrEnum


class Domain(StrEnum):
    """What the data is about."""

    LEDGERS = "domain/ledgers"
    METERS = "domain/meters"
    ERP = "domain/erp"
    PERFORMANCE = "domain/performance"
    WAREHOUSE = "domain/warehouse"
    PROVINCE = "domain/province"


class Layer(StrEnum):
    """Where in the flow the DAG works."""

    INGEST = "layer/ingest"
    MARTS = "layer/marts"
    UPKEEP = "layer/upkeep"
    NOTICE = "layer/notice"
    EXCHANGE = "layer/exchange"


class Impact(StrEnum):
    """How fast somebody must look when it fails."""

    TIER_1 = "impact/tier_1"  # figures are wrong or missing: the same day
    TIER_2 = "impact/tier_2"  # figures are late: the next working day


class Clause(StrEnum):
    """Clause of DB53/T 1026-2021 that the DAG serves."""

    PERFORMANCE = "db53/4.2"
    METERING = "db53/4.3"
    MONITORING = "db53/4.5"
    UPLOAD = "db53/4.11"


def tags(domain: Domain, layer: Layer, impact: Impact, clause: Clause) -> list[str]:
    """The tags of one DAG, one of each kind."""
    return [str(domain), str(layer), str(impact), str(clause)]
