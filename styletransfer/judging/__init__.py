"""One judge for every method."""
