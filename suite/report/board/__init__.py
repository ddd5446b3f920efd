"""What the leaderboard shows of one protocol, as data: nothing in here draws, so that a test needs no browser.

`standing` reads it, `selection` filters it, `columns` lays it out.
"""
