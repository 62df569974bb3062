"""How the shape model of margins is fitted; nothing that measures imports it."""
