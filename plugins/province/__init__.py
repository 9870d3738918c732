"""Uploading to the provincial platform (DB53/T 1026-2021, 4.11)."""
