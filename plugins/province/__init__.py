"""Uploading to provincial platforms (DB53/T 1026-2021, 4.11): outbox, wire, profiles, and a sandbox platform."""
