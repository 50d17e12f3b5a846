"""Experiments: reference network, mixtures, rows and seeds, their table; studies and costs."""
