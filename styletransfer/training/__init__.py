"""Training of decoders and extractors from folders of pictures.

Only the command line imports this, and only when a command needs it.
"""
