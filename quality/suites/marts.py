"""What the marts must be after a build. Only conservation is critical: it says that figures are wrong, the
rest that the plant should look at something."""

from __future__ import annotations

from collections.abc import Sequence

from great_expectations.expectations import Expectation

from quality import thresholds
from quality.suites.figures import between
from quality.validation import Asset

CONSERVED = (-thresholds.CONSERVATION, thresholds.CONSERVATION)


def assets(now: str) -> list[Asset]:
    """Every asset of the gate; ``now`` is an ISO 8601 instant."""
    parameters = {
        "now": now,
        "completeness": str(thresholds.COMPLETENESS),
        "node_imbalance": str(thresholds.NODE_IMBALANCE),
        "level_imbalance": str(thresholds.LEVEL_IMBALANCE),
    }

    def asset(name: str, columns: Sequence[str], *expectations: Expectation) -> Asset:
        return Asset(name, lambda: expectations, ("site_code", *columns), parameters)

    return [
        asset(
            "meter_conservation",
            ("meter_code", "span_quantity", "hour_quantity", "difference"),
            between(
                "difference", CONSERVED, "critical", "hours_conserve_spans",
                "每块表小时量之和等于区间量之和（误差不超过 1e-6）",
                "表 {meter_code} 小时量合计 {hour_quantity}，区间量合计 {span_quantity}，相差 {difference}",
            ),
        ),
        asset(
            "flow_conservation",
            (
                "flow_code", "hour_quantity", "day_quantity", "month_quantity", "month_day_quantity",
                "day_difference", "month_difference",
            ),
            between(
                "day_difference", CONSERVED, "critical", "days_conserve_hours",
                "每条能流日量之和等于小时量之和",
                "能流 {flow_code} 日量合计 {day_quantity}，小时量合计 {hour_quantity}，"
                "相差 {day_difference}",
            ),
            between(
                "month_difference", CONSERVED, "critical", "months_conserve_days",
                "每条能流月量之和等于日量之和",
                "能流 {flow_code} 月量合计 {month_quantity}，日量合计 {month_day_quantity}，"
                "相差 {month_difference}",
            ),
        ),
        asset(
            "meter_days",
            ("meter_code", "days_judged", "days_incomplete", "last_incomplete_day"),
            between(
                "days_incomplete", (None, 0), "warning", "meter_days_are_complete",
                "参与能流计算的每块表每日完整率不低于 90%",
                "表 {meter_code} 有 {days_incomplete} 天（共 {days_judged} 天）完整率低于 90%，"
                "最近 {last_incomplete_day}",
            ),
        ),
        asset(
            "node_closure",
            (
                "node_code", "energy_code", "days_judged", "days_unbalanced", "last_unbalanced_day",
                "worst_ratio",
            ),
            between(
                "days_unbalanced", (None, 0), "warning", "nodes_balance",
                "输送分配节点输入与输出之差不超过输入的 5%",
                "节点 {node_code} 的 {energy_code} 有 {days_unbalanced} 天（共 {days_judged} 天）不平衡，"
                "最大 {worst_ratio}，最近 {last_unbalanced_day}",
            ),
        ),
        asset(
            "level_closure",
            ("energy_code", "days_judged", "days_unbalanced", "last_unbalanced_day"),
            between(
                "days_unbalanced", (None, 0), "warning", "sub_meters_stay_below_main",
                "下级计量之和不超过上级的 105%",
                "{energy_code} 有 {days_unbalanced} 天（共 {days_judged} 天）下级计量之和超过上级 5% 以上，"
                "最近 {last_unbalanced_day}",
            ),
        ),
        asset(
            "purchase_months",
            ("energy_code", "month", "booked_quantity", "metered_quantity", "deviation"),
            between(
                "deviation", (None, thresholds.METERED_ERP_DEVIATION), "warning", "meters_agree_with_erp",
                "计量购入量与 ERP 购入量的月偏差不超过 5%",
                "{energy_code} 自 {month} 起的月份：计量购入 {metered_quantity}，ERP 购入 {booked_quantity}，"
                "偏差 {deviation}",
            ),
        ),
        asset(
            "mart_freshness",
            ("newest_hour_start", "hours_old"),
            between(
                "hours_old", (None, thresholds.FRESH_WITHIN_HOURS), "warning", "marts_are_fresh",
                "最新小时数据距今不超过 48 小时",
                "企业 {site_code} 的最新小时数据距今 {hours_old} 小时（{newest_hour_start}）",
            ),
        ),
    ]  # fmt: skip
