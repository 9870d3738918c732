"""All tests; a package so that the reference can be imported by name."""
