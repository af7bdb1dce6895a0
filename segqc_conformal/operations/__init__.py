"""Beside the walk: what a run of the monitors tells other systems."""
