"""Naive twins: definitions written down as plainly as possible, for the fast code to be compared with."""
