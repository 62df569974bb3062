"""Long-running processes: a lab's server and workers, and the deployments on a server."""
