"""What the command line, the pages and the documents show of results."""
