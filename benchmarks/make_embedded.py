"""Make the embedded data set from the four MNIST files: `python benchmarks/make_embedded.py DIR [OUT]`.

DIR holds the idx files (raw or .gz), itself or in a subfolder `mnist`. The archive holds the first 10,000
training images and the complete official test set as uint8. A front sample of the test set would mislead: its
first 2,000 images are harder than the whole (2.4 points for a nearest-neighbour classifier).
The bytes depend on nothing but the images and the zlib that compresses them: dates are fixed.
"""

import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np

from neurosim.data.catalogue import CATALOGUE
from neurosim.data.datasets import EMBEDDED_FILE, EMBEDDED_SHA256, Dataset, load_folder
from neurosim.errors import DataError

TRAIN = 10_000
TARGET = Path(__file__).parent.parent / "neurosim" / "data" / "embedded" / EMBEDDED_FILE


def pack(full: Dataset, train: int = TRAIN) -> bytes:
    """The npz archive of the first `train` training samples and all test samples of `full`."""
    arrays = {
        "train_images": full.train_images[:train],
        "train_labels": full.train_labels[:train].astype(np.uint8),
        "test_images": full.test_images,
        "test_labels": full.test_labels.astype(np.uint8),
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # else it would tell the platform that made it
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), version=(1, 0))
            target.writestr(entry, content.getvalue(), compress_type=zipfile.ZIP_DEFLATED, compresslevel=9)
    return archive.getvalue()


def main(arguments: list[str]) -> int:
    """Write the archive and say whether it is the one that the package expects."""
    if len(arguments) not in (1, 2):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        full = load_folder(Path(arguments[0]), CATALOGUE["mnist"])
        if full is None:
            raise DataError(f"{arguments[0]}: expected the four MNIST idx files, found none of them")
    except DataError as error:
        print(error, file=sys.stderr)
        return 2
    content = pack(full)
    target = Path(arguments[1]) if len(arguments) == 2 else TARGET
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    print(f"{target}: {len(content)} bytes, SHA-256 {digest}")
    if digest != EMBEDDED_SHA256:
        print(
            f"not {EMBEDDED_SHA256}, which neurosim/data/datasets.py expects: to keep this file, change that"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
