"""Feed-forward style transfer: encode, transform, decode."""
