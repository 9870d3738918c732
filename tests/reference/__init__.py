"""An independent pure-Python reference of contract §2 (what a reading means) and §3 (figures).

Written from the contract's text alone, with exact fractions, so that the SQL of the
warehouse can be held against it. It shares no code with the product. Where the contract
is silent the choice made here is written in the docstring of the module concerned:

* :mod:`tests.reference.readings`  which readings count, row verdicts, disputes
* :mod:`tests.reference.registers` outliers, breaks, meter events, spans of counters
* :mod:`tests.reference.meters`    interval and rate meters; from spans to hours
* :mod:`tests.reference.flows`     linear expressions, coverage, standard coal
* :mod:`tests.reference.periods`   days, months, weeks, quarters, years, shifts
* :mod:`tests.reference.performance` performance by type, level and item
"""
