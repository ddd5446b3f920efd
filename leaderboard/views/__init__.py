"""One file a view: it takes records and shows them."""
