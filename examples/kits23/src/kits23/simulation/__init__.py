"""CT simulated from label volumes: for whoever has no KiTS23 at hand, and for tests.

Where the labels come from, what lies around them, what intensity each tissue has, what the scanner adds: one
file each. Arrays are in the axes of KiTS23's files, (z, y, x) towards the patient's feet, back and left.
"""
