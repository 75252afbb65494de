"""Images on disk in, maps and scores on the images' own grids out."""
