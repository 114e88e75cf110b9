"""Several methods on the same pair of pictures, side by side."""
