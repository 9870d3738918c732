"""Plants that nobody has seen before: random, seeded, written as contract §1 packages.

The figures expected of them come from :mod:`tests.reference`, never from the product.
"""
