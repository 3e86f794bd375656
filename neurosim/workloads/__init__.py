"""Workloads: network, rule, data and hyper-parameters that go together. One file for each kind of rule.

A workload is a module with ``RULE``, ``NETWORK``, ``DATASET``, ``EPOCHS``, ``ENCODER``, ``NEURON`` (what a run takes
unless told otherwise), ``Settings`` (how to train), ``default_preset``, ``preset_values`` and ``learning_rates``.
"""

from types import ModuleType

from neurosim.workloads import desire_mnist, ssnn_mnist

__all__ = ["workload_of"]


def workload_of(rule: ModuleType) -> ModuleType:
    """The workload that trains with a rule of this schedule."""
    return ssnn_mnist if rule.SCHEDULE == "online" else desire_mnist
