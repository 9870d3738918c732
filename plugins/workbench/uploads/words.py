"""What the database calls things, in the words of the pages."""

from __future__ import annotations

from collections.abc import Mapping

from ingestion import datacodes

KINDS = {
    "register": "登记",
    "key": "密钥",
    "token": "令牌",
    "version": "版本核对",
    "urls": "地址",
    "dictionary": "数据字典",
    "config": "基础信息",
    "metering": "计量器具",
    "data": "能耗数据",
    "download": "数据下载",
}
OUTCOMES = {"accepted": "已接受", "refused": "平台拒绝", "unknown": "结果未知", "blocked": "本方拦截"}
TRIGGERS = {"slot": "定时", "backlog": "续传", "command": "人工"}
DIFFERENCES = {"missing_there": "平台没有", "other_value": "数值不同", "unknown_here": "本地没有"}
ALARMS = {
    "upload_late": "逾时未报",
    "upload_unreachable": "平台无应答",
    "upload_refused": "平台拒绝",
    "upload_identity": "身份不符",
    "upload_key": "密钥失效",
    "upload_blocked": "地址被拦截",
    "upload_rows_failed": "有失败数据",
    "upload_difference": "与平台不一致",
    "upload_clock": "时钟偏差",
}
STAT_TYPES = {int(number): words[0] for number, words in datacodes.STAT_TYPES.items()}


def word(words: Mapping[str, str], name: str | None) -> str:
    """The page's word; a name that has none (of a profile that came later) as it is."""
    return words.get(name, name) if name else ""
