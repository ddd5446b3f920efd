"""`suite cache`: the bitstreams that are kept so that no image is encoded twice."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.cli.options import JsonOption
from suite.cli.progress import shown
from suite.cli.tables import show_table

app = typer.Typer(help="Look at, verify and shrink the store of bitstreams.", no_args_is_help=True)
GIB = 2**30


@app.command()
def info(json: JsonOption = False) -> None:
    """Show where bitstreams are kept, how many, and how much space they take."""
    import json as json_module

    from suite.stages import bitstreams

    store = bitstreams.opened()
    codecs = bitstreams.contents(store)
    if json:
        kept = {name: kind._asdict() for name, kind in codecs.items()}
        facts = {"directory": str(store.directory), "cap_bytes": store.cap_bytes, "codecs": kept}
        typer.echo(json_module.dumps(facts, indent=2))
        return
    rows = [[name, f"{kind.entries:,}", f"{kind.byte_count / GIB:.3f}"] for name, kind in codecs.items()]
    show_table("Bitstreams", ["codec", "entries", "GiB"], rows)
    total = sum(kind.byte_count for kind in codecs.values())
    typer.echo(f"{total / GIB:.3f} of at most {store.cap_bytes / GIB:g} GiB in {store.directory}")
    typer.echo(f"Another place: {bitstreams.DIRECTORY_VARIABLE}=DIR; another size: {bitstreams.CAP_VARIABLE}=GIB")


@app.command()
def verify() -> None:
    """Read every bitstream, and remove those that are damaged: their images are encoded again when they are needed."""
    from suite.stages import bitstreams

    found = {True: 0, False: 0}
    with shown() as progress:
        progress.start("verifying bitstreams", None)
        for path, whole in bitstreams.verified(bitstreams.opened()):
            found[whole] += 1
            if not whole:
                progress.note(f"Removed {path}: it is damaged.")
            progress.advance(1)
    typer.echo(f"{found[True]:,} bitstreams are whole, {found[False]:,} were damaged and are removed.")


@app.command()
def prune(
    keep: Annotated[
        float, typer.Option("--keep", min=0, help="How many GiB to keep; the least recently used go first. 0: none.")
    ],
) -> None:
    """Remove the least recently used bitstreams; what is needed again is encoded again."""
    from suite.errors import StorageError
    from suite.stages import bitstreams

    store = bitstreams.opened()
    removed = store.evict(int(keep * GIB), above=int(keep * GIB))
    if removed is None:
        raise StorageError(f"Another process is making room in {store.directory}. Try again when it is done.")
    typer.echo(f"Removed {removed / GIB:.3f} GiB from {store.directory}.")
