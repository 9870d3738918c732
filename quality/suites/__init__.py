"""Suites by asset: ``<asset>.sql`` computes the figures, ``<asset>.py`` says what is expected of them."""
