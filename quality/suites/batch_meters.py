"""What each meter of a batch should be; nothing here holds a batch (one meter's fault is not the batch's)."""

from __future__ import annotations

from great_expectations.expectations import Expectation

from quality import thresholds
from quality.suites.figures import between

COLUMNS = (
    "batch_id", "site_code", "file", "meter_code", "days_judged", "days_incomplete", "first_incomplete_day",
    "above_maximum_share", "negative_share", "values_above_register",
)  # fmt: skip


def expectations() -> list[Expectation]:
    return [
        between(
            "days_incomplete",
            (None, 0),
            "warning",
            "meter_days_are_complete",
            "每块表每日数据完整率不低于 90%",
            "表 {meter_code} 有 {days_incomplete} 天（共 {days_judged} 天）完整率低于 90%，最早 {first_incomplete_day}",
        ),
        between(
            "above_maximum_share",
            (None, thresholds.ABOVE_MAXIMUM_SHARE),
            "warning",
            "meter_unit_is_right",
            "每块表超过每小时上限的读数不超过半数",
            "表 {meter_code} 超过每小时上限的读数占比 {above_maximum_share}，请核对单位与倍率",
        ),
        between(
            "negative_share",
            (None, thresholds.NEGATIVE_VALUES_SHARE),
            "warning",
            "values_are_not_negative",
            "区间量与速率不为负",
            "表 {meter_code} 的负值占比 {negative_share}，请核对接线方向",
        ),
        between(
            "values_above_register",
            (None, 0),
            "warning",
            "registers_are_within_range",
            "累计值不超过表计量程",
            "表 {meter_code} 有 {values_above_register} 个读数超过量程，请核对台账 register_max",
        ),
    ]
