"""The report: one HTML page with its tables and charts."""
