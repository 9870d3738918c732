"""Sets the platform up, starts, stops and diagnoses it."""
