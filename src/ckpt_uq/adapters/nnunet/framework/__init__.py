"""What imports nnU-Net itself; all else of the adapter can be imported, and tested, without it."""
