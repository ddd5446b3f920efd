"""One file a revision. A file that has been released is never edited."""
