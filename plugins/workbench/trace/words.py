"""What the trace's codes are called to a plant's user."""

from __future__ import annotations

from plugins.operations.load import KIND_WORDS, STATUS_WORDS

VERDICTS = {
    "accepted": "采用",
    "superseded": "被更高修订取代",
    "repeated": "重复",
    "waiting": "批次待检查",
    "held": "批次已扣留",
    "event": "计量器具事件",
    "unknown_meter": "隔离：不在台账",
    "bad_quality": "隔离：质量不良",
    "future_stamp": "隔离：时刻超前",
    "disputed": "隔离：相互矛盾",
    "negative": "隔离：负值",
    "above_max_per_hour": "隔离：超上限",
    "outlier": "隔离：跳变",
    "counted": "计入",
    "replaced": "被后来的批次取代",
    "not_chosen": "未取用",
}
"""Verdicts on readings and documents. `load` has the words for batches."""

DOCUMENT_PARTS = {
    "purchase": "购入",
    "sale": "销售",
    "opening": "期初库存",
    "closing": "期末库存",
    "adjustment": "盘盈盘亏",
}

CODES = {
    "verdict": VERDICTS,
    "part": DOCUMENT_PARTS,
    "status": STATUS_WORDS,
    "kind": KIND_WORDS,
    "reading_kind": {"register": "累计", "interval": "区间量", "rate": "瞬时量", "manual": "人工抄表"},
    "source": {"metered": "计量", "erp": "单据"},
    "is_counted": {"True": "是", "False": "否"},
}
"""By column: code to word; a code without a word is shown as it is."""
