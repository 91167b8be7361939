"""The standard step types, a module for each."""
