"""The stored spike trains are those of the authors' float32 accumulator."""

import numpy as np
import oracle_desire as oracle

from neurosim.neuron import accumulate_float32


def test_trains_are_those_of_the_oracle() -> None:
    trains = accumulate_float32.spike_trains(20)
    spikes = oracle.encode_float32(np.arange(256).astype(np.uint8), 20)
    for value in range(256):
        fired = [accumulate_float32.step(int(trains[value]), t) for t in range(20)]
        assert fired == spikes[:20, value].tolist()


def test_three_values_fire_one_spike_a_step_later_than_the_exact_accumulator() -> None:
    trains = accumulate_float32.spike_trains(20)
    exact = oracle.encode(np.arange(256).astype(np.uint8), 20)
    words = [sum(int(bit) << t for t, bit in enumerate(exact[:, value])) for value in range(256)]
    assert [v for v in range(256) if words[v] != trains[v]] == [60, 120, 240]
    assert all(int(trains[v]).bit_count() == 20 * v // 255 for v in range(256))
