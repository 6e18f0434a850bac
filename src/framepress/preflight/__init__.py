"""Every row laid out and looked at before anything is rendered: what may go wrong, where, and how bad it is.

Pure: `rules`, `values`, `scripts`, `table`, `judge`, `choose`. With a page: `moments`, `layout`, `glyphs`,
`backdrop`, `inspector`.
"""
