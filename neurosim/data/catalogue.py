"""The data sets that are known by name: files, shapes, checksums and class names.

The SHA-256 values are of the raw (uncompressed) idx files: the same images pass whoever compressed them.
They were computed from the original files, whose published MD5s agree.
"""

from dataclasses import dataclass

__all__ = ["CATALOGUE", "Part", "Source"]


@dataclass(frozen=True)
class Part:
    """One idx file: name without ending, array shape, SHA-256 of the uncompressed content."""

    stem: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def names(self) -> tuple[str, ...]:
        """File names under which the part is found, the original one first (some archives write `.idx`)."""
        dotted = self.stem.replace("-idx", ".idx")
        return (f"{self.stem}.gz", self.stem, f"{dotted}.gz", dotted)


@dataclass(frozen=True)
class Source:
    """A data set of four idx files.

    `folder` is the subfolder of a data folder; `origin` the class of the `mnists` library that knows mirrors.
    """

    name: str
    title: str
    folder: str
    origin: str
    classes: tuple[str, ...]
    train_images: Part
    train_labels: Part
    test_images: Part
    test_labels: Part

    @property
    def parts(self) -> tuple[Part, Part, Part, Part]:
        """Train images, train labels, test images, test labels."""
        return self.train_images, self.train_labels, self.test_images, self.test_labels


def _source(
    name: str,
    title: str,
    folder: str,
    origin: str,
    classes: tuple[str, ...],
    sha256: tuple[str, str, str, str],
) -> Source:
    """A set with the sizes that all of the MNIST family have: 60,000 and 10,000 images of 28 x 28."""
    return Source(
        name=name,
        title=title,
        folder=folder,
        origin=origin,
        classes=classes,
        train_images=Part("train-images-idx3-ubyte", (60_000, 28, 28), sha256[0]),
        train_labels=Part("train-labels-idx1-ubyte", (60_000,), sha256[1]),
        test_images=Part("t10k-images-idx3-ubyte", (10_000, 28, 28), sha256[2]),
        test_labels=Part("t10k-labels-idx1-ubyte", (10_000,), sha256[3]),
    )


_MNIST = _source(
    name="mnist",
    title="MNIST",
    folder="mnist",
    origin="MNIST",
    classes=tuple("0123456789"),
    sha256=(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)

_FASHION = _source(
    name="fashion",
    title="Fashion-MNIST",
    folder="fashion-mnist",
    origin="FashionMNIST",
    classes=(
        "T-shirt/top",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    ),
    sha256=(
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
)

CATALOGUE: dict[str, Source] = {source.name: source for source in (_MNIST, _FASHION)}
