"""The archives and lists of CMPlaces and Places205: safe reading, and what is in them."""
