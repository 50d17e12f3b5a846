"""Configs: values only; each file's docstring gives command, hardware, time, expected numbers."""
