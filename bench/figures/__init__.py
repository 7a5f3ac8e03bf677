"""One module per group of figures; run.py calls them."""
