"""A contributor's plugin, from one file to a folder that a pull request adds; and the rules that such folders keep."""
