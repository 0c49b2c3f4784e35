"""Signals as mathematics: plain functions on NumPy arrays, without any I/O."""
