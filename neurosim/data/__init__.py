"""What is shown to a chip: data sets, their order, input encodings, and weights trained elsewhere."""

from neurosim.data.datasets import DATASETS, Dataset, load_dataset
from neurosim.data.encoders import accumulate, bernoulli
from neurosim.data.order import permutation, presentations
from neurosim.data.weights import load_weights

__all__ = [
    "DATASETS",
    "Dataset",
    "accumulate",
    "bernoulli",
    "load_dataset",
    "load_weights",
    "permutation",
    "presentations",
]
