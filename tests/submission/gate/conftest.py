"""What a change is made of in these tests."""

import pytest

from tests.submission.gate.folders import make, ref, results


@pytest.fixture
def trees(tmp_path):
    """Give two directories as they are before and after: one submission, published."""
    before, after = tmp_path / "before", tmp_path / "after"
    for root in (before, after):
        make(root, "published", measured=results(ref("model", "published", digest="b")))
        (root / "README.md").write_text("rules")
        (root / "TEMPLATE").mkdir()
        (root / "TEMPLATE" / "plugin.py").write_text("template")
    return before, after
