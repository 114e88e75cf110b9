"""The distillation of narrow extractors."""
