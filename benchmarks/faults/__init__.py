"""Faults that happen to disks, processes and people: tried for real, and counted."""
