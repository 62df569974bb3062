"""A lab on Kubernetes: the template of its jobs, and values for Prefect's own Helm charts."""
