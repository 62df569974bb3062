"""Learning: what a model is (`model`), and the regimes by which it is trained (`regimes`)."""
