"""Uploading to provincial platforms (DB53/T 1026-2021, 4.11): what is said to them, how, and by which profile."""
