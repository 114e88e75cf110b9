"""Judges: frozen networks that measure any method's pictures in the same way."""
