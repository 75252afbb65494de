"""One page that shows a results folder: the run, its calibration, every case, in a single HTML file."""
