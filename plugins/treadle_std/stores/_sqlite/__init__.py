"""The store ``sqlite``.

store ── the contract, on two threads      thread ─ a connection and the thread it lives in
writes · reads ── the statements           rows ─── rows to values and back
file ─── opening and checking the file     schema ─ tables and migrations       faults ─ what went wrong
"""
