"""Gates before and after dbt (design decision 8): Great Expectations judges figures that SQL computed.

A row fault quarantines the row (that is dbt's work); a batch fault holds the batch. Great Expectations takes
seconds to import, so nothing here imports it before a gate really runs.
"""
