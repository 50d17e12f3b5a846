"""Readers and writers of files: whole or not at all, within limits, and never a program."""
