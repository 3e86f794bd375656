"""Workloads: network, rule, data and hyper-parameters that go together. One file for each kind of rule.

A workload is a module with ``RULE``, ``NETWORK``, ``DATASET``, ``EPOCHS``, ``ENCODER``, ``NEURON`` (what a run takes
unless told otherwise), ``Settings`` (how to train), ``default_preset``, ``preset_values``, ``learning_rates`` and
``view(data, inputs)`` (what a network of so many inputs is shown of a data set).
"""

from types import ModuleType

from neurosim.workloads import desire_mnist, sdsp_digits, ssnn_mnist

__all__ = ["workload_of"]


def workload_of(rule: ModuleType) -> ModuleType:
    """The workload that trains with a rule of this schedule."""
    by_schedule = {"phased": desire_mnist, "online": ssnn_mnist, "event": sdsp_digits}
    return by_schedule[rule.SCHEDULE]
