"""Measures in how many frames of a video an object stays uncovered, beside reference tracks."""
