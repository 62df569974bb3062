"""The leaderboard: cards of models measured on a named test, and the table made of them."""
