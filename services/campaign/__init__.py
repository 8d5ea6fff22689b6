"""The public API: takes campaigns in and shows what becomes of them.

A campaign goes through `accept.py` (read, check, cut), `store.py` (recorded) and `publish.py` (in the log).
"""
