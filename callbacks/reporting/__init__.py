"""Reports: what became of callbacks, told from figures that are kept when the callbacks are gone (docs/reports.md).

`sweep` writes one fact for each callback that is over, from what `story` makes of its rows, and adds what `counting`
counts of it to the totals of its day and month, in one transaction. `reading` reads totals, `figures` turns them into
what a page shows, `export` gives the facts out.
"""
