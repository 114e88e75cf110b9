"""The training of decoders for AdaIN."""
