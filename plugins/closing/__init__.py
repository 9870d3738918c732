"""Closing of months: a version of figures that no later change moves (design decision 7)."""
