"""The library inside other frameworks, one file each; nothing else of the package imports a framework."""
