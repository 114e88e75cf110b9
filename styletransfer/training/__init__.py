"""How the embedded weights were made: distillation of `vgg19-lite` and training of the `lite` decoder.

Nothing else in the package imports this.
"""
