"""How good a space is: measures of rankings, mixed galleries, probes, gaps between modalities."""
