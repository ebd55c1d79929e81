"""Giving a run's best model to others through a folder or a model hub, and taking one from there."""

from typing import TYPE_CHECKING

from egaze.lazy_names import lazy_names

if TYPE_CHECKING:
    from egaze.sharing.fetch import fetch_model, open_shared
    from egaze.sharing.hub import upload
    from egaze.sharing.share import share_run

__getattr__, __dir__ = lazy_names(
    __name__,
    {"fetch_model": "fetch", "open_shared": "fetch", "share_run": "share", "upload": "hub"},
)

__all__ = ["fetch_model", "open_shared", "share_run", "upload"]
