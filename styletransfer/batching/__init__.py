"""Many pictures: folders and datasets in batches, with a map of what made what; resumed after any stop."""
