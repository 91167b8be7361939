"""The standard secret providers."""
