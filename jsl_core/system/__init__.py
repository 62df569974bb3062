"""What any program needs of its machine: files, worker processes, locks, progress."""
