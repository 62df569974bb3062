"""The toolkit of both trainers: device, average, schedule, checkpoint, optimizer, process group."""
