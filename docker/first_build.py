"""Makes the marts that this version's models describe, where that has not been done yet.

The dashboards are checked against the marts when they are imported, so these have to stand, empty
or not, before the first plant is loaded and after each upgrade. `make up` builds them by loading
the sample plant.
"""

from __future__ import annotations

import sys

from ingestion import settings as configuration
from ingestion.settings import Settings
from plugins.operations import server
from plugins.operations.building import BuildError, models_checksum, run_dbt, warehouse_lock

ITEM = "models"


def build_once(settings: Settings) -> bool:
    """Build the marts and note it; False when they already stand."""
    wanted = models_checksum(settings)
    if server.installed(settings).get(ITEM) == wanted:
        return False
    with warehouse_lock():
        run_dbt(f"{ITEM}-{wanted[:12]}")
    server.note(settings, ITEM, wanted)
    return True


def main() -> None:
    try:
        is_built = build_once(configuration.load())
    except BuildError as error:
        sys.exit(f"The marts cannot be built: {error}")
    sys.stdout.write("The marts are built.\n" if is_built else "The marts stand already.\n")


if __name__ == "__main__":
    main()
