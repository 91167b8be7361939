"""The standard error strategies."""
