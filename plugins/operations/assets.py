"""The assets that drive the schedule (design decision 9), each declared once.

The scheme is ours, so that Airflow takes the names as they are.
"""

from __future__ import annotations

from airflow.sdk import Asset

LEDGERS = Asset(name="ledgers", uri="x-nengduan://warehouse/ledger", group="warehouse")
ERP = Asset(name="erp", uri="x-nengduan://warehouse/raw/erp", group="warehouse")
READINGS = Asset(name="readings", uri="x-nengduan://warehouse/raw/readings", group="warehouse")
MARTS = Asset(name="marts", uri="x-nengduan://warehouse/marts", group="warehouse")
