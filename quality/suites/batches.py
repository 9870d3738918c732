"""What every batch must be. The critical ones are batch faults and hold it."""

from __future__ import annotations

from great_expectations.expectations import Expectation

from quality import thresholds
from quality.suites.figures import between, equal

COLUMNS = (
    "batch_id", "site_code", "file", "rows_total", "rows_landed", "rows_rejected", "rows_found",
    "rows_accounted", "unusable_share", "implausible_stamp_share", "above_maximum_share", "hours_old",
)  # fmt: skip


def expectations() -> list[Expectation]:
    return [
        equal(
            ("rows_landed", "rows_found"),
            "critical",
            "rows_found_are_rows_landed",
            "落库行数等于登记行数",
            "文件 {file} 登记落库 {rows_landed} 行，库中实有 {rows_found} 行：落库不完整，请重新导入",
        ),
        equal(
            ("rows_total", "rows_accounted"),
            "critical",
            "every_row_is_accounted_for",
            "文件每一行都有去处：落库或拒收",
            "文件 {file} 共 {rows_total} 行，落库与拒收合计 {rows_accounted} 行：有行去向不明，请重新导入",
        ),
        between(
            "rows_accounted",
            (1, None),
            "critical",
            "batch_is_not_empty",
            "读数批次不为空",
            "文件 {file} 中没有任何读数：请检查采集系统的导出",
        ),
        between(
            "unusable_share",
            (None, thresholds.UNUSABLE_ROWS_SHARE),
            "critical",
            "most_rows_are_usable",
            "不可用行（拒收、未知表计、坏质量）不超过半数",
            "文件 {file} 的不可用行占比 {unusable_share}，超过半数：请核对表计编号、列顺序与编码是否属于本企业",
        ),
        between(
            "implausible_stamp_share",
            (None, thresholds.IMPLAUSIBLE_STAMPS_SHARE),
            "critical",
            "stamps_are_plausible",
            "读数时间在合理范围（2000 年以后、不晚于接收时间）",
            "文件 {file} 中时间早于 2000 年或晚于接收时间的读数占比 {implausible_stamp_share}："
            "请核对采集终端时钟与日期格式",
        ),
        between(
            "above_maximum_share",
            (None, thresholds.ABOVE_MAXIMUM_SHARE),
            "critical",
            "unit_is_right",
            "超过每小时上限的读数不超过半数（计量单位核对）",
            "文件 {file} 中超过表计每小时上限的读数占比 {above_maximum_share}：请核对计量单位（如 Wh 与 kWh）与倍率",
        ),
        between(
            "hours_old",
            (None, thresholds.FRESH_WITHIN_HOURS),
            "info",
            "batch_is_fresh",
            "最新读数距接收时间不超过 48 小时",
            "文件 {file} 的最新读数距接收时间 {hours_old} 小时",
        ),
    ]
