"""Snapshots: the whole board as a folder that can be verified, cited by one digest, and merged into another board.

`export` writes one, `verify` checks one, `import_snapshot` merges one, `snapshot_digest` reads what to cite.
"""

from __future__ import annotations

from suite.db.snapshot.exporting import export
from suite.db.snapshot.importing import Imported, import_snapshot
from suite.db.snapshot.manifest import FILES, Manifest, snapshot_digest
from suite.db.snapshot.verification import Snapshot, verify

__all__ = ["FILES", "Imported", "Manifest", "Snapshot", "export", "import_snapshot", "snapshot_digest", "verify"]
