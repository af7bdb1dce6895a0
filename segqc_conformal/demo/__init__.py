"""The embedded demo: a generated cohort, a small real ensemble, and the whole walk."""
