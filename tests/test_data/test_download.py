"""Downloads: from mirrors on this machine only; complete files or none."""

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import mnists
import pytest

from neurosim.data.catalogue import CATALOGUE
from neurosim.data.datasets import load_dataset
from neurosim.data.download import fetch
from neurosim.errors import DataError

from .conftest import Tiny

DEAD = "http://127.0.0.1:9/"  # the discard port: nothing listens


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy between this test and this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def mirror(tmp_path: Path, tiny: Tiny) -> Iterator[str]:
    """The URL of a mirror that offers `tiny`."""
    tiny.write(tmp_path / "server")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path / "server")) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Tiny) -> Path:
    folder = tmp_path / "deep" / "cache"
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *args, **kwargs: str(folder))
    monkeypatch.delenv("NEUROSIM_DATA", raising=False)
    monkeypatch.setitem(CATALOGUE, "tiny", tiny.source)
    return folder


def _offer(monkeypatch: pytest.MonkeyPatch, folder: Path, mirrors: list[str]) -> None:
    """Let `mnists` name these mirrors and the checksums of the files in `folder`."""
    resources = {p.name: (p.name, hashlib.md5(p.read_bytes()).hexdigest()) for p in folder.iterdir()}
    monkeypatch.setattr(mnists.MNIST, "resources", resources)
    monkeypatch.setattr(mnists.MNIST, "mirrors", mirrors)


@pytest.mark.parametrize("source", CATALOGUE.values(), ids=list(CATALOGUE))
def test_mnists_knows_every_file(source) -> None:  # type: ignore[no-untyped-def]
    origin = getattr(mnists, source.origin)
    assert {name for name, _ in origin.resources.values()} == {part.names[0] for part in source.parts}
    assert origin.mirrors and all(mirror.endswith("/") for mirror in origin.mirrors)


def test_first_use_fills_the_cache_and_the_second_needs_no_mirror(
    tmp_path: Path,
    cache: Path,
    mirror: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    _offer(monkeypatch, tmp_path / "server", [DEAD, mirror])
    first = load_dataset("tiny")
    assert "100%" in capfd.readouterr().err  # the bar
    assert len(list((cache / "tiny").iterdir())) == 4
    monkeypatch.setattr(mnists.MNIST, "mirrors", [DEAD])
    assert (load_dataset("tiny").train_images == first.train_images).all()


def test_only_missing_files_are_fetched(
    tmp_path: Path, cache: Path, tiny: Tiny, mirror: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _offer(monkeypatch, tmp_path / "server", [mirror])
    tiny.write(cache / "tiny")
    kept = cache / "tiny" / "train-images-idx3-ubyte.gz"
    before = kept.stat().st_mtime_ns
    (cache / "tiny" / "t10k-labels-idx1-ubyte.gz").unlink()
    load_dataset("tiny")
    assert kept.stat().st_mtime_ns == before


def test_offline_says_where_to_put_the_files_and_leaves_nothing(
    tmp_path: Path, cache: Path, mirror: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _offer(monkeypatch, tmp_path / "server", [DEAD, DEAD])
    with pytest.raises(DataError) as caught:
        load_dataset("tiny")
    message = str(caught.value)
    assert "train-images-idx3-ubyte.gz: could not be downloaded from any of 2 mirrors" in message
    assert "--data-dir" in message and "NEUROSIM_DATA" in message and "embedded" in message
    assert "\n" not in message
    assert not (tmp_path / "deep").exists()


def test_wrong_checksum_is_not_kept(tmp_path: Path, mirror: str) -> None:
    folder = tmp_path / "target"
    with pytest.raises(DataError, match="wrong checksum; HTTPError"):
        fetch("t10k-labels-idx1-ubyte.gz", "0" * 32, [mirror, mirror + "nowhere/"], folder)
    assert list(folder.iterdir()) == []


def test_interrupt_leaves_no_half_written_file(
    tmp_path: Path, cache: Path, mirror: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pooch

    _offer(monkeypatch, tmp_path / "server", [mirror])

    def stop(self: object, url: str, output: str, pooch: object) -> None:
        Path(output).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", stop)
    with pytest.raises(KeyboardInterrupt):
        load_dataset("tiny")
    assert not (tmp_path / "deep").exists()


def test_cache_that_cannot_be_made(
    tmp_path: Path, cache: Path, mirror: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _offer(monkeypatch, tmp_path / "server", [mirror])
    (tmp_path / "deep").write_text("a file where a folder should be")
    with pytest.raises(DataError, match="Tiny: expected its four files .* --data-dir"):
        load_dataset("tiny")
