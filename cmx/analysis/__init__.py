"""Is it aligned, to look at: maps, units and inversions, and what draws them."""
