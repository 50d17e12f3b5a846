"""Training: one step for every row, its phases, the loop, checkpoints, and whose folder it is."""
