"""Why something of a package was refused: one code and one Chinese sentence for each cause.

The code is for programs and dashboards and never changes; the sentence is for the plant's
engineer and says what was found, why it cannot be used, and what to do about it. Reasons that
depend on the whole set of readings (disputes, outliers …) belong to dbt, not here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class Reason(StrEnum):
    """Every reason code of this package; the docstring of a code is its sentence in TEXTS."""

    # one row
    MISSING_VALUE = "missing_value"
    BAD_CODE = "bad_code"
    NOT_A_NUMBER = "not_a_number"
    NOT_AN_INTEGER = "not_an_integer"
    NOT_A_DATE = "not_a_date"
    NOT_A_TIME = "not_a_time"
    NOT_A_TIMESTAMP = "not_a_timestamp"
    NOT_A_BOOLEAN = "not_a_boolean"
    AMBIGUOUS_TIMESTAMP = "ambiguous_timestamp"
    NONEXISTENT_TIMESTAMP = "nonexistent_timestamp"
    OUT_OF_RANGE = "out_of_range"
    BEFORE_RETENTION_EDGE = "before_retention_edge"
    UNKNOWN_CHOICE = "unknown_choice"
    UNKNOWN_TIMEZONE = "unknown_timezone"
    WRONG_FIELD_COUNT = "wrong_field_count"
    CONFLICTING_DUPLICATE = "conflicting_duplicate"
    UNKNOWN_REFERENCE = "unknown_reference"
    REFUSED_REFERENCE = "refused_reference"
    VALIDITY_REVERSED = "validity_reversed"
    VALIDITY_OVERLAP = "validity_overlap"
    PERIOD_REVERSED = "period_reversed"
    PARENT_CYCLE = "parent_cycle"
    SAME_NODE = "same_node"
    SITE_NOT_SINGLE = "site_not_single"
    NOT_ASCENDING = "not_ascending"
    BOUNDS_REVERSED = "bounds_reversed"
    # what is uploaded
    BAD_DATA_CODE = "bad_data_code"
    BAD_DESTINATION = "bad_destination"
    BAD_STAT_TYPES = "bad_stat_types"
    BAD_STAT_DATE = "bad_stat_date"
    STAT_DATE_OFF_GRID = "stat_date_off_grid"
    UPLOAD_TWO_SOURCES = "upload_two_sources"
    UPLOAD_NO_PRODUCT = "upload_no_product"
    UPLOAD_METER_TCE = "upload_meter_tce"
    UPLOAD_UNKNOWN_TERM = "upload_unknown_term"
    ALARM_BEFORE_WARNING = "alarm_before_warning"
    # editing of a ledger
    CONFLICT = "conflict"
    VERSION_MISSING = "version_missing"
    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    KEY_FIXED = "key_fixed"
    UNKNOWN_COLUMN = "unknown_column"
    STILL_REFERRED = "still_referred"
    NEVER_RETIRED = "never_retired"
    WAREHOUSE_BUSY = "warehouse_busy"
    FORMULA = "formula"
    # measured_by
    EXPRESSION_SYNTAX = "expression_syntax"
    EXPRESSION_UNKNOWN_METER = "expression_unknown_meter"
    EXPRESSION_FLOW = "expression_flow"
    EXPRESSION_CYCLE = "expression_cycle"
    EXPRESSION_NONLINEAR = "expression_nonlinear"
    EXPRESSION_CONSTANT = "expression_constant"
    EXPRESSION_AMBIGUOUS = "expression_ambiguous"
    EXPRESSION_EMPTY = "expression_empty"
    # a whole file
    FILE_EMPTY = "file_empty"
    FILE_TRUNCATED = "file_truncated"
    FILE_CORRUPT = "file_corrupt"
    FILE_CHANGING = "file_changing"
    FILE_NOT_TEXT = "file_not_text"
    FILE_TOO_LARGE = "file_too_large"
    FILE_UNREADABLE = "file_unreadable"
    MISSING_COLUMN = "missing_column"
    DUPLICATE_COLUMN = "duplicate_column"
    SITE_UNKNOWN = "site_unknown"
    FILE_ACTIVE = "file_active"
    FILE_FOREIGN = "file_foreign"


TEXTS: dict[Reason, str] = {
    Reason.MISSING_VALUE: "{column} 为空，但这一列必须填写；空表示未知，不能当作 0。请补上数值后重新导入。",
    Reason.BAD_CODE: "{column} 的“{value}”不是有效编码；编码只能用字母、数字、“_”“.”“-”，1 至 64 个字符。请改编码。",
    Reason.NOT_A_NUMBER: "{column} 的“{value}”不是数字；不能用 NaN、Inf、“--”或文字代替。请填数字，未知则按缺测处理。",
    Reason.NOT_AN_INTEGER: "{column} 的“{value}”不是整数。请填整数。",
    Reason.NOT_A_DATE: "{column} 的“{value}”不是有效日期。请写成 2026-01-05 的形式。",
    Reason.NOT_A_TIME: "{column} 的“{value}”不是有效时刻。请写成 08:00 的形式。",
    Reason.NOT_A_TIMESTAMP: "{column} 的“{value}”不是有效时间。请写成 2026-01-05 08:00:00 的形式。",
    Reason.NOT_A_BOOLEAN: "{column} 的“{value}”不是“是”或“否”。请填 是 或 否。",
    Reason.AMBIGUOUS_TIMESTAMP: "{column} 的“{value}”在时区 {timezone} 因夏令时结束出现两次，无法确定是哪一次。请写上时差，例如 +08:00。",
    Reason.NONEXISTENT_TIMESTAMP: "{column} 的“{value}”在时区 {timezone} 因夏令时开始而不存在。请核对时钟，或写上时差，例如 +08:00。",
    Reason.OUT_OF_RANGE: "{column} 的“{value}”超出允许范围（{allowed}）。请核对后改正。",
    Reason.BEFORE_RETENTION_EDGE: "{column} 的“{value}”早于读数保存界限 {edge}（UTC）；界限以前的读数已归档，能耗数据已固定，不再改变。如确需更正，请联系管理员。",
    Reason.UNKNOWN_CHOICE: "{column} 的“{value}”不在允许的取值之内（{allowed}）。请改用其中之一。",
    Reason.UNKNOWN_TIMEZONE: "{column} 的“{value}”不是已知时区。请写成 Asia/Shanghai 的形式。",
    Reason.WRONG_FIELD_COUNT: "这一行有 {value} 个字段，表头有 {allowed} 个，无法对应。请检查多余或缺少的分隔符和引号。",
    Reason.CONFLICTING_DUPLICATE: "{column} 为“{value}”的行在同一文件中出现多次且内容不同（第 {lines} 行），无法判断哪一行正确，全部拒绝。请只留一行。",
    Reason.UNKNOWN_REFERENCE: "{column} 的“{value}”在{table}中不存在。请先在{table}中登记，或改正编码。",
    Reason.REFUSED_REFERENCE: "{column} 的“{value}”所指的{table}第 {line} 行被拒绝，这一行因此也不能导入。请先改正那一行。",
    Reason.VALIDITY_REVERSED: "valid_to “{value}”不晚于 valid_from “{other}”，有效期为空。有效期左闭右开，请核对。",
    Reason.VALIDITY_OVERLAP: "{column} 为“{value}”的有效期与{other}重叠，同一天会有两个取值。请给较早的一行填写 valid_to。",
    Reason.PERIOD_REVERSED: "period_end “{value}”早于 period_start “{other}”。期间左闭右开，请核对两个日期。",
    Reason.PARENT_CYCLE: "parent_code 构成循环：{value}。请改正上级单位。",
    Reason.SAME_NODE: "from_node 与 to_node 都是“{value}”，能流必须连接两个不同的节点。请改正其中一个。",
    Reason.SITE_NOT_SINGLE: "site 表必须恰好有一行，这里有 {value} 行。请只保留本单位一行。",
    Reason.NOT_ASCENDING: "{column} 的“{value}”小于 {other} 的“{least}”；待机、空载、运行的下限必须依次不减。请核对。",
    Reason.BOUNDS_REVERSED: "{column} 的“{value}”小于 {other} 的“{least}”，没有数值能同时满足。请核对上下限。",
    Reason.BAD_DATA_CODE: "{column} 的“{value}”不是数据编码；编码为 16 位数字，写成 00-00-0000-023300-11 的形式，连字符可省略。请对照平台改正。",
    Reason.BAD_DESTINATION: "{column} 的“{value}”不是平台名称；名称只能用字母、数字、“_”“.”“-”。请填平台名称，或填 * 表示所有平台。",
    Reason.BAD_STAT_TYPES: "{column} 的“{value}”不在允许的取值之内（0 实时、1 日、2 月、3 年）。请写成 0,1,2 或 日,月 的形式。",
    Reason.BAD_STAT_DATE: "{column} 的“{value}”不是有效的统计时间。请写成 2026-10-08 00:00:00 的形式。",
    Reason.STAT_DATE_OFF_GRID: "{column} 的“{value}”不是该统计类型的期间起点；起点应为{allowed}。请改正时间或统计类型。",
    Reason.UPLOAD_TWO_SOURCES: "{column} 的“{value}”与 flow 的“{other}”同时填写，无法判断以哪一个为准。请只留一个。",
    Reason.UPLOAD_NO_PRODUCT: "{column} 为空，但指标 {value} 需要知道是哪一种产品。请填写产品编码。",
    Reason.UPLOAD_METER_TCE: "{column} 中的 {value} 是计量器具，没有折标系数，不能得出标准煤量。请改用能流。",
    Reason.UPLOAD_UNKNOWN_TERM: "{column} 的“{value}”中的 {detail} 不是已登记的能流或计量器具。请先在 flows 或 meters 中登记，或改正编码；运算符两边要留空格。",
    Reason.ALARM_BEFORE_WARNING: "{column} 的“{value}”会先于 {other} 的“{milder}”到达；报警值不能比预警值宽松。请核对两个值和比较方式。",
    Reason.CONFLICT: "{column} 为“{value}”的这一行已由 {who} 于 {when} 修改，您看到的不是最新内容，这次修改没有保存。请重新打开后再改。",
    Reason.VERSION_MISSING: "{column} 为“{value}”的修改没有说明依据哪个版本，无法判断是否会覆盖他人的修改。请重新打开后再改。",
    Reason.NOT_FOUND: "{column} 为“{value}”的行不在台账中。请刷新后再试。",
    Reason.ALREADY_EXISTS: "{column} 为“{value}”的行已在台账中，不能重复登记。请打开已有的行修改，或改用别的编码。",
    Reason.KEY_FIXED: "{column} 是这一行的标识，不能从“{other}”改为“{value}”；历史和引用都依据它。请停用这一行，另登记新行。",
    Reason.UNKNOWN_COLUMN: "{table}没有 {column} 这一列。请核对列名。",
    Reason.STILL_REFERRED: "{column} 为“{value}”的行仍被{table}“{other}”引用（共 {count} 处），不能停用。请先停用或改正引用它的行。",
    Reason.NEVER_RETIRED: "{table}不能停用。",
    Reason.WAREHOUSE_BUSY: "正在计算或导入，台账暂时不能修改，这次没有保存。请稍后再试。",
    Reason.FORMULA: "{column} 的单元格是公式“{value}”；台账只接受数值和文字。请复制后选择性粘贴为数值。",
    Reason.EXPRESSION_SYNTAX: "{column} “{value}”写法有误：{detail}。请写成 M1 + M2 - 0.5 * M3 的形式，运算符两边留空格。",
    Reason.EXPRESSION_UNKNOWN_METER: "{column} “{value}”中的 {detail} 不是已登记的计量器具。请先在 meters 中登记，或改正编码；运算符两边要留空格。",
    Reason.EXPRESSION_FLOW: "{column} “{value}”引用了能流 {detail}；表达式只能由计量器具组成。请改写成对应的计量器具。",
    Reason.EXPRESSION_CYCLE: "{column} “{value}”使能流互相引用，构成循环：{detail}。请改写成计量器具。",
    Reason.EXPRESSION_NONLINEAR: "{column} “{value}”不是线性表达式：{detail}。计量器具之间只能相加减，只能乘以或除以数字。",
    Reason.EXPRESSION_CONSTANT: "{column} “{value}”中 {detail} 是单独的常数，不能与计量器具相加减。请去掉常数。",
    Reason.EXPRESSION_AMBIGUOUS: "{column} “{value}”中 {detail} 既可读作数字也可读作计量器具编码，无法判断。请改写，例如把系数写成 2.0。",
    Reason.EXPRESSION_EMPTY: "{column} “{value}”合并后不含任何计量器具。请改正，或留空表示没有计量。",
    Reason.FILE_EMPTY: "{file}：文件没有表头，什么也没有导入。请重新导出。",
    Reason.FILE_TRUNCATED: "{file}：文件不完整（{detail}），什么也没有导入。请等文件写完，或重新导出、重新传送后再导入。",
    Reason.FILE_CORRUPT: "{file}：文件已损坏（{detail}），什么也没有导入。请重新导出或重新传送。",
    Reason.FILE_CHANGING: "{file}：读取时文件仍在变化，什么也没有导入。请等文件写完后再导入。",
    Reason.FILE_NOT_TEXT: "{file}：不是 UTF-8、GB18030 或 UTF-16 文本（{detail}），什么也没有导入。请另存为 UTF-8 的 CSV。",
    Reason.FILE_TOO_LARGE: "{file}：文件过大（{detail}），什么也没有导入。请拆成几个文件。",
    Reason.FILE_UNREADABLE: "{file}：文件无法读取（{detail}），什么也没有导入。请检查文件和权限。",
    Reason.MISSING_COLUMN: "{file}：表头缺少必填列 {column}（现有：{value}），什么也没有导入。请补上这一列。",
    Reason.DUPLICATE_COLUMN: "{file}：表头中“{value}”都表示 {column}，无法判断用哪一列，什么也没有导入。请只留一列。",
    Reason.SITE_UNKNOWN: "{file}：用能单位 {value} 尚未登记，什么也没有导入。请先导入含 site 表的数据包。",
    Reason.FILE_ACTIVE: "{file}：工作簿含有宏或嵌入的程序（{detail}），什么也没有导入。请另存为不含宏的 .xlsx。",
    Reason.FILE_FOREIGN: "{file}：{detail}，什么也没有导入。请使用从台账导出的工作簿，工作表的名称不要改。",
}
"""Chinese sentence of every code; the fields in braces come from where the fault was found."""


def text(reason: Reason, **facts: Any) -> str:
    """The sentence of ``reason`` with its facts filled in; long cell values are shortened."""
    shown = {name: _shorten(value) for name, value in facts.items()}
    return TEXTS[reason].format(**shown)


def _shorten(value: Any, limit: int = 200) -> Any:
    if isinstance(value, str) and len(value) > limit:
        return value[:limit] + "…"
    return value


class FileRefused(Exception):  # noqa: N818 - it says what happened to the file
    """A whole file cannot be used; nothing of it lands. ``reason`` is the code, the message Chinese."""

    def __init__(self, reason: Reason, file: str, **facts: Any) -> None:
        self.reason = reason
        self.file = file
        super().__init__(text(reason, file=file, **facts))
