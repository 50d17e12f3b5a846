"""The data sets: a module or a package each; files whose names begin with _ are what they share."""
