"""Weights from outside: a reader for each file format, without the framework that wrote it."""
