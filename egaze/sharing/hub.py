"""Uploading a shared model to the Hugging Face hub, through its own client."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from egaze.errors import EgazeError
from egaze.sharing.shared import FILES, SPEC


def require_hub(repository: str) -> None:
    """Check, before work begins, that there is a client and that a repository can have such a name.

    Raises:
        EgazeError: `huggingface-hub` is not installed, or the name is not OWNER/NAME.
    """
    try:
        from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # documented, not in `__all__`
    except ImportError as error:
        raise EgazeError("uploading needs huggingface-hub: pip install 'egaze[hub]'") from error
    try:
        validate_repo_id(repository)
    except ValueError as error:
        raise EgazeError(f"{repository!r} is not the name of a repository: {_one_line(error)}") from error
    if repository.count("/") != 1:
        raise EgazeError(f"{repository!r} is not the name of a repository: expected OWNER/NAME")


def upload(folder: str | Path, repository: str) -> str:
    """Upload the files of a shared model, and nothing else in its folder, to the Hugging Face hub.

    A repository that is not there yet is created as a private one. The client logs in as its user has set it up
    (`hf auth login`, or HF_TOKEN).

    Args:
        folder: a folder that `share_run` wrote.
        repository: OWNER/NAME.

    Returns:
        The address of the repository.

    Raises:
        EgazeError: there is no client, no such name, or no shared model in the folder; or the hub cannot be reached or
            refuses.
    """
    require_hub(repository)
    from huggingface_hub import HfApi

    folder = Path(folder)
    if not (folder / SPEC).is_file():
        raise EgazeError(f"{folder}: not a shared model ({SPEC} is missing); `egaze share` writes one")
    api = HfApi(library_name="egaze", library_version=version("egaze"))
    try:
        address = api.create_repo(repository, private=True, exist_ok=True)
        api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            allow_patterns=list(FILES),
            commit_message=f"Share a model of egaze {version('egaze')}",
        )
    # The client's errors are of several libraries, depending on its version.
    except Exception as error:
        raise EgazeError(
            f"{repository}: not uploaded: {_one_line(error)}; the model is in {folder}, and `egaze share` or "
            f"`hf upload {repository} {folder}` can try again"
        ) from error
    return str(address)


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
