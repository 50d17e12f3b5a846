"""Evaluation: activations -> read-outs -> rankings -> tables."""
