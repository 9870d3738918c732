"""Every bound the gates judge by, in one place, each with its reason."""

from __future__ import annotations

MINIMUM_ROWS_FOR_SHARES = 100
"""A share of fewer rows says nothing about the batch: a handful of bad rows are row faults, and each of
them is quarantined by itself with its own reason."""

UNUSABLE_ROWS_SHARE = 0.5
"""Refused at landing, of an unknown meter, or marked bad. When more than half of a file is unusable, the
file was made for another plant, another column order or another encoding; the other half is then luck."""

IMPLAUSIBLE_STAMPS_SHARE = 0.5
"""Stamps before EARLIEST_STAMP or later than the landing: a gateway whose clock was reset, or a day-month
mix-up. Both hit whole files, never single rows."""

EARLIEST_STAMP = "2000-01-01T00:00:00Z"
"""No metering system of today keeps electronic readings from before; a clock that lost its battery starts
at 1970, 1980 or 1999."""

FUTURE_TOLERANCE_MINUTES = 5
"""contract §2: stamps up to 5 min ahead of the landing are clock drift."""

MINIMUM_VALUES_FOR_UNIT_CHECK = 96
"""One day of 15-minute values: fewer may be one real peak."""

ABOVE_MAXIMUM_SHARE = 0.5
"""Values above max_per_hour. A real overload or a spike touches a few intervals; more than half above what
the line can carry means the unit changed (Wh sent as kWh is a factor of 1000)."""

COMPLETENESS = 0.9
"""Readings present ÷ readings expected, per meter and day (the platform's own acceptance bound)."""

NEGATIVE_VALUES_SHARE = 0.01
"""An interval or a rate cannot be negative. One in a hundred is noise around zero; more is a meter wired the
wrong way round."""

DAY_MONTH_DEVIATION = 0.05
"""Sum of days against the month's own figure, where both are reported."""

METERED_ERP_DEVIATION = 0.05
"""Metered purchases of a month against the purchases booked in the ERP."""

FRESH_WITHIN_HOURS = 48
"""A daily file arrives the next morning; two days without anything newer means that the source has stopped.
History loaded on purpose is older, so this informs and stops nothing."""

CONSERVATION = 1e-6
"""contract §2: Σ hours = Σ quantities, to 1e-6, in the meter's own unit."""

NODE_IMBALANCE = 0.05
"""Input minus output of a distribution node ÷ input: two meters of class 1 to 2 and line losses explain up
to some 5 %; beyond it a meter or the network's drawing is wrong."""

LEVEL_IMBALANCE = 0.05
"""What level 2 adds up to against level 1 of an energy and day, for the same reason."""

DATA_DOCS_RUNS = 60
"""Runs kept in Data Docs: two months of one load a day. ops.quality_results keeps all."""

NAMED_FAILURES = 5
"""Subjects named in a reason; the rest are counted, and all are in ops.quality_results.details up to
RECORDED_FAILURES."""

RECORDED_FAILURES = 50
