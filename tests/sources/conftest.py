"""A twin of REFLACX that the readers' and the writer's tests share."""

import pytest


@pytest.fixture(scope="session")
def reflacx_twin(tmp_path_factory):
    """15 radiographs of 96 px: two of phase 1, two of phase 2, each read five times."""
    from egaze.sources.synthetic import synthesize

    out = tmp_path_factory.mktemp("reflacx") / "out"
    return synthesize(out, cases=15, seed=3, layout="reflacx", long_side_px=96)
