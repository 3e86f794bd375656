"""Fetch the original files of a catalogued data set: mirrors and MD5s from `mnists`, transfer by `pooch`."""

from collections.abc import Sequence
from pathlib import Path

from neurosim.data.catalogue import Source
from neurosim.errors import DataError

__all__ = ["download_source", "fetch"]


def download_source(source: Source, folder: Path) -> None:
    """Download into `folder` the original .gz files of `source` that it lacks, with a bar on standard error.

    A file appears only when it is complete and its checksum agrees; what was created for nothing is removed.
    Raises DataError when a file cannot be had from any mirror, or the folder cannot be written.
    """
    import mnists

    origin = getattr(mnists, source.origin)
    md5s: dict[str, str] = dict(origin.resources.values())
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        for part in source.parts:
            if not any((folder / name).exists() for name in part.names):
                fetch(part.names[0], md5s[part.names[0]], origin.mirrors, folder)
    finally:
        for made in missing:
            if made.is_dir() and not any(made.iterdir()):
                made.rmdir()


def fetch(name: str, md5: str, mirrors: Sequence[str], folder: Path) -> None:
    """Download `name` into `folder` from the first of `mirrors` (URLs ending in a slash) that delivers it.

    Raises DataError if none delivers a file with this MD5.
    """
    import pooch

    pooch.get_logger().setLevel("WARNING")
    failures = []
    for mirror in mirrors:
        try:
            pooch.retrieve(
                mirror + name,
                known_hash=f"md5:{md5}",
                fname=name,
                path=folder,
                downloader=pooch.HTTPDownloader(progressbar=True, timeout=20),
            )
            return
        except PermissionError as error:
            raise DataError(f"{folder}: cannot be written ({error.strerror or error})") from None
        except ValueError:
            failures.append("wrong checksum")
        except OSError as error:  # what requests raises is an OSError too
            failures.append(error.strerror or type(error).__name__)
    reasons = "; ".join(failures)
    raise DataError(f"{name}: could not be downloaded from any of {len(mirrors)} mirrors ({reasons})")
