"""What the months of an ERP batch should be."""

from __future__ import annotations

from great_expectations.expectations import Expectation

from quality import thresholds
from quality.suites.figures import between

COLUMNS = (
    "batch_id", "site_code", "file", "product_code", "month", "month_quantity", "days_quantity", "deviation",
)  # fmt: skip


def expectations() -> list[Expectation]:
    return [
        between(
            "deviation",
            (None, thresholds.DAY_MONTH_DEVIATION),
            "warning",
            "days_add_up_to_months",
            "产量日报合计与月报偏差不超过 5%",
            "产品 {product_code} 自 {month} 起的月份：日报合计 {days_quantity}，"
            "月报 {month_quantity}，偏差 {deviation}",
        ),
    ]
