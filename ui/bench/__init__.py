"""Measuring: ours beside its peers, in one run, on the same weights."""
