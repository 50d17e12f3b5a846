"""Side-by-side timings against what a user would pick instead; never needed to run or test cmx."""
