"""The documentation for readers as static pages: what stands here computes no figure and shows no value of a row."""
