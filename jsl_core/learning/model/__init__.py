"""What a model is: its network, its bundle on disk, and several of them as one.

Import the modules one by one: the shipped grader needs no PyTorch.
"""
