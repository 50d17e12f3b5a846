"""Configs: values only; each file's docstring gives its command, hardware, time and expected numbers."""
