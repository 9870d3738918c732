"""Metering management (DB53/T 1026-2021, 4.3): what reminds people of what is due."""
