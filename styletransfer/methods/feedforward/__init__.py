"""Feed-forward style transfer: encode, transform, decode. AdaIN (Huang and Belongie 2017) is one transform."""
