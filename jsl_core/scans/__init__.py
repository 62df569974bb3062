"""Scans by content: what lies in a folder, the buckets they are assigned to, and the rows made of them."""
