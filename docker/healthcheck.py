"""Container health: `healthcheck.py URL [COMPONENT]`, standard library only.

Without COMPONENT the URL has to answer 200. With one, the answer is Airflow's monitor page
(JSON by component) and that component has to be "healthy": the scheduler, the dag-processor
and the triggerer have no page of their own, they report to the database. Exit 0 is healthy.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request

TIMEOUT_SECONDS = 8


def fault(url: str, component: str | None) -> str | None:
    """What is wrong, or None."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 (from the compose file)
            body = answer.read()
        if component is None:
            return None
        status = json.loads(body)[component]["status"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{url}: {type(error).__name__}: {error}"
    return None if status == "healthy" else f"{url}: {component} is {status}"


def main() -> int:
    if len(sys.argv) not in (2, 3):
        sys.stderr.write("usage: healthcheck.py URL [COMPONENT]\n")
        return 2
    problem = fault(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else None)
    if problem:
        sys.stderr.write(f"{problem}\n")
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
