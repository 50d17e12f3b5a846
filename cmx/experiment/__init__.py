"""Experiments: reference network, mixtures, rows and seeds, their table; sweeps and costs."""
