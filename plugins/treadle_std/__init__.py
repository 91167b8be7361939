"""The standard plugins: everything a spec can name out of the box, each through the public hooks."""
