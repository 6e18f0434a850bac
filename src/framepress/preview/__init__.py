"""A composition in a browser, moved by the renderer's own runtime, with rows of a list to step through."""
