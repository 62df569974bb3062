"""Figures and their uncertainty, apart from any model."""
