"""The page of `jsl review`: a contact sheet of a run's knees, one knee large, and acts that correct it."""
