"""A list proofed before it is rendered: rows laid out, a few of them shown, and a person's word on it."""
