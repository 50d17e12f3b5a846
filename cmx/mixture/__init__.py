"""Gaussian mixtures: their density, their fit by EM over passes, and fits on disk."""
