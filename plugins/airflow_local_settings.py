"""What Airflow imports into its processes as they start; its name is Airflow's.

Tasks are forked from the scheduler's workers (LocalExecutor) or from Celery's and begin with what these have
imported. Great Expectations takes 4 s; a slot of readings passes two gates, so a quarter of its way was imports.
"""

from __future__ import annotations

import sys

if sys.argv[1:2] in (["scheduler"], ["celery"]):
    import great_expectations.expectations  # noqa: F401
