"""A protocol's results as a folder to publish: one page, Markdown and LaTeX tables, figures, and a manifest.

`publishing.publish` makes it. `tracks` chooses what is drawn, `sections` and `drawings` say and draw it, `page`,
`markdown`, `latex` and `rendering` write it, `folder` puts it on the disk. The same database gives the same bytes:
nothing in here reads a clock, draws at random or depends on an order that is not the ranking's.
"""
