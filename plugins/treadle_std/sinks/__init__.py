"""The standard event sinks."""
