"""How the margin network is trained; nothing that measures imports it."""
