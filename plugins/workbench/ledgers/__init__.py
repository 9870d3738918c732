"""The ledgers at the workbench: pages of starlette-admin over the declarations of ``ingestion.ledgers``."""
