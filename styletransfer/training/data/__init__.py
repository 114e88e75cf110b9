"""Pictures to learn from: folders, crops, batches, styles, and the scan of a folder."""
