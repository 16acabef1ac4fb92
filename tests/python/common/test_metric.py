"""topk_metrics on items of all kinds; Torch-RecHub itself is asked in tests/python/rechub. SPDX-License-Identifier: Apache-2.0"""

import pytest
from vrec.basic.metric import topk_metrics


def test_the_check_of_torch_rechub():
    got = topk_metrics({0: [1, 2], 1: [0, 1, 2], 2: [2, 3]}, {0: [0, 1], 1: [0, 1], 2: [2, 3]}, [2])
    assert got == {"NDCG": ["NDCG@2: 0.7956"], "MRR": ["MRR@2: 0.8333"], "Recall": ["Recall@2: 0.7222"],
                   "Hit": ["Hit@2: 0.7143"], "Precision": ["Precision@2: 0.8333"]}


@pytest.mark.parametrize("count", [3, 9])
def test_items_that_change_the_lists(count):
    """What is compared is somebody's code, and may take away what is being compared."""
    lists = []

    class Item:
        def __eq__(self, other):
            for row in lists:
                row.clear()
            return False

        def __hash__(self):
            return 7

    lists[:] = [[Item() for _ in range(count)] for _ in range(2)]
    with pytest.raises(IndexError):
        topk_metrics({1: lists[0]}, {1: lists[1]}, [count])


@pytest.mark.parametrize("error", [KeyError, MemoryError, KeyboardInterrupt])
@pytest.mark.parametrize("count", [1, 9])
def test_items_that_raise(count, error):
    class Item:
        def __eq__(self, other):
            raise error

        def __hash__(self):
            raise error

    with pytest.raises(error):
        topk_metrics({1: list("abcdefghi")[:count]}, {1: [Item()]}, [1])
    with pytest.raises(error):
        topk_metrics({1: [Item()] * count}, {1: ["a"]}, [1])


def test_items_that_no_dict_takes():
    rows = [[i] for i in range(9)]
    got = topk_metrics({1: rows}, {1: [[3], [10]]}, [2])
    assert got["Recall"] == ["Recall@2: 0.1111"] and got["MRR"] == ["MRR@2: 1.0"]
