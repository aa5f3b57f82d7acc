"""Small language models: their data, training, use and interpretation. Knows no web page; usable from a shell or a notebook."""
