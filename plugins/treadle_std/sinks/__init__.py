"""The standard event sinks.

jsonl ─── events as lines of a file
console ─ events for a person ── _story: told in lines ── _tree: what goes on now ── _live: drawn by rich
"""
