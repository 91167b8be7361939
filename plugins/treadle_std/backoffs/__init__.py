"""The standard backoffs."""
