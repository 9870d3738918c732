"""The bench: a seeded yardstick, measured against raw PostgreSQL in the same run. `make bench`."""
