"""Ways to run commands on a machine."""
