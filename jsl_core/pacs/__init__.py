"""JSL beside a PACS: films received, results as structured reports and pictures, and their way back.

Import the modules one by one: each waits for its own library only.
"""
