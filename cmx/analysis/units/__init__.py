"""Dissection: what the units of a trained run answer to, in pictures and in numbers.

One pass over a split tallies every unit of the layers that were asked for (`tallying`); where the
data set knows what stands where, a second pass compares what makes units fire with it (`objects`).
Of some units the examples are looked at more closely: which region of a picture (`regions`), which
words of a text (`occlusion`). `study` does all of this for a run and writes it below its work
directory, `comparison` puts the runs of an experiment side by side.

Source: Zhou et al. 2015, object detectors emerge in deep scene CNNs; Bau et al. 2017, Network
Dissection.
"""
