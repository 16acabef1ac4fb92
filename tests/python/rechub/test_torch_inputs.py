"""Tensors of every kind go in, and come out on the CPU.

SPDX-License-Identifier: Apache-2.0
"""

import pathlib

import numpy as np
import pytest
import torch
import vrec
from tools import assert_same, run


def flat(items):
    return vrec.builder_factory("faiss").from_embeddings(items)


def grown(tensor):
    """A result of a model: it has a history."""
    return tensor.clone().requires_grad_() * 1


def every_second(tensor):
    wide = torch.full((2 * len(tensor), 3 * tensor.shape[1]), 99.0, dtype=tensor.dtype)
    wide[::2, ::3] = tensor
    return wide[::2, ::3]


def inference(tensor):
    with torch.inference_mode():
        return tensor.clone()


class Tensor(torch.Tensor):
    pass


LAYOUTS = {
    "packed": lambda t: t,
    "requires_grad": lambda t: t.clone().requires_grad_(),
    "with a history": grown,
    "parameter": torch.nn.Parameter,
    "subclass": lambda t: t.as_subclass(Tensor),
    "transposed": lambda t: t.t().contiguous().t(),
    "strided": every_second,
    "with an offset": lambda t: torch.cat([t, t])[len(t):],
    "inference": inference,
    "lazily negated": lambda t: torch.complex(t, -t).conj().imag,
    "imaginary part": lambda t: torch.complex(-t, t).imag,
    "channels last": lambda t: t.view(1, *t.shape, 1).to(memory_format=torch.channels_last).squeeze(),
    "float64": lambda t: t.double(),
    "list of tensors": list,
    "shared": lambda t: t.clone().share_memory_(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout, torch_items, torch_users):
    expected = flat(torch_items.numpy()).query(torch_users.numpy(), 5)
    assert_same(flat(LAYOUTS[layout](torch_items)).query(torch_users, 5), expected)
    assert_same(flat(torch_items).query(LAYOUTS[layout](torch_users), 5), expected)


@pytest.mark.parametrize("dtype", [
    torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int8, torch.uint8, torch.int16, torch.int32,
    torch.int64, torch.bool])
@pytest.mark.parametrize("layout", ["packed", "strided", "with a history", "transposed"])
def test_types_become_float32(dtype, layout, torch_items, torch_users):
    if layout == "with a history" and not dtype.is_floating_point:
        layout = "packed"
    items, users = ((9 * each).to(dtype) for each in (torch_items, torch_users))
    expected = flat(items.float().numpy()).query(users.float().numpy(), 5)
    change = LAYOUTS[layout]
    answer = flat(change(items)).query(change(users), 5)
    assert_same(answer, expected)
    assert all(isinstance(each, torch.Tensor) for each in answer)


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc])
def test_sparse_tensors_exclude_what_they_hold(layout, torch_items, torch_users):
    """Whatever the values are."""
    index = flat(torch_items)
    marks = (torch.rand(20, 300, generator=torch.Generator().manual_seed(1)) < 0.1).float() * 7
    lists = [row.nonzero().flatten() for row in marks]
    made = {torch.sparse_coo: marks.to_sparse, torch.sparse_csr: marks.to_sparse_csr, torch.sparse_csc: marks.to_sparse_csc}
    assert_same(index.query(torch_users, 5, exclude=made[layout]()), index.query(torch_users, 5, exclude=lists))
    with pytest.raises(vrec.ArgumentError, match="users x items"):
        index.query(torch_users, 5, exclude=marks)
    with pytest.raises(vrec.ArgumentError, match="for 19 queries"):
        index.query(torch_users, 5, exclude=marks[:19].to_sparse())
    with pytest.raises(vrec.ArgumentError, match="dimensions"):
        index.query(torch_users, 5, exclude=marks[None].to_sparse())


@pytest.mark.parametrize("axis", [0, 1])
def test_expanded(axis, torch_items):
    """One value seen many times: strides of zero."""
    tensor = torch_items[:1] if axis == 0 else torch_items[:, :1]
    tensor = tensor.expand(torch_items.shape)
    assert 0 in tensor.stride()
    expected = flat(torch_items).query(tensor.contiguous(), 5)
    assert_same(flat(torch_items).query(tensor, 5), expected)
    assert_same(flat(tensor).query(torch_items, 5), flat(tensor.contiguous()).query(torch_items, 5))


def test_results(torch_items, torch_users):
    index = flat(torch_items)
    ids, distances, counts = index.query(torch_users.requires_grad_(), 5, return_counts=True)
    assert [each.dtype for each in (ids, distances, counts)] == [torch.int64, torch.float32, torch.int64]
    assert [tuple(each.shape) for each in (ids, distances, counts)] == [(20, 5), (20, 5), (20,)]
    for each in (ids, distances, counts):
        assert each.device.type == "cpu" and not each.requires_grad and each.is_contiguous()
        each += 1  # nobody else's memory
    assert ids.numpy().dtype == np.int64


def test_torch_in_torch_out(items, users, torch_items, torch_users):
    for made in (flat(items), flat(torch_items)):
        assert all(isinstance(each, torch.Tensor) for each in made.query(torch_users, 5))
        assert all(isinstance(each, np.ndarray) for each in made.query(users, 5))
        assert all(isinstance(each, np.ndarray) for each in made.query(users.tolist(), 5))


def test_one_dimension_and_none(torch_items, torch_users):
    index = flat(torch_items)
    assert_same(index.query(torch_users[3], 5), index.query(torch_users[3:4], 5))
    ids, distances = index.query(torch_users[:0], 5)
    assert isinstance(ids, torch.Tensor) and tuple(ids.shape) == tuple(distances.shape) == (0, 5)


def test_gradients_go_on(torch_items, torch_users):
    """A query between forward and backward disturbs neither."""
    model = torch.nn.Linear(8, 8)
    towers = model(torch_users)
    flat(torch_items).query(towers, 5)
    towers.sum().backward()
    assert model.weight.grad is not None


def test_within_inference_mode(torch_items, torch_users):
    expected = flat(torch_items).query(torch_users, 5)
    for mode in (torch.inference_mode(), torch.no_grad(), torch.enable_grad()):
        with mode:
            assert_same(flat(torch_items).query(torch_users, 5), expected)


def test_sizes_that_torch_gives(torch_items, torch_users):
    """What stands in a shape, or comes from item(), is a number."""
    builder = vrec.builder_factory("annoy", d=torch_items.shape[1], n_trees=torch.tensor(3))
    index = builder.from_embeddings(torch_items)
    assert index.info()["n_trees"] == 3
    assert tuple(index.query(torch_users, torch.tensor(5))[0].shape) == (20, 5)


def test_exclusions_of_tensors(torch_items, torch_users):
    index = flat(torch_items)
    ids, _ = index.query(torch_users, 10)
    rest, _ = index.query(torch_users, 5, exclude=[row[:5] for row in ids])
    assert torch.equal(rest, ids[:, 5:])
    assert torch.equal(index.query(torch_users, 5, exclude=ids[:, :5])[0], rest)


REFUSED = {
    "four dimensions": lambda t: t[None, None],
    "no dimensions": lambda t: t[0, 0],
    "complex": lambda t: torch.complex(t, t),
    "sparse": lambda t: t.to_sparse(),
    "sparse csr": lambda t: t.to_sparse_csr(),
    "meta": lambda t: t.to("meta"),
    "quantized": lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.quint8),
    "wrong dimension": lambda t: t[:, :5],
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_with_a_sentence(what, torch_items, torch_users):
    with pytest.raises(vrec.ArgumentError):
        flat(torch_items).query(REFUSED[what](torch_users), 5)
    if what != "wrong dimension":
        with pytest.raises(vrec.ArgumentError):
            flat(REFUSED[what](torch_items))


def test_without_copies():
    """A tensor of 256 MB is read where it lies: memory peaks at the results."""
    assert run("""
import pathlib, torch, vrec
index = vrec.builder_factory("faiss").from_embeddings(torch.eye(4, 64))
users = torch.ones(64, 1_000_000).t()

def peak():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) << 10

index.query(users[:1000], 1)
pathlib.Path("/proc/self/clear_refs").write_text("5")
before = peak()
index.query(users, 1)
print(peak() - before < 60 << 20)
""") == "True\n"


def test_torch_comes_later():
    """Imported first or last, it is known."""
    assert run("""
import sys, vrec
index = vrec.builder_factory("faiss").from_embeddings([[1.0, 2.0]])
assert "torch" not in sys.modules
index.query([[1.0, 2.0]], 1)
import torch
print(type(index.query(torch.ones(1, 2), 1)[0]).__name__)
""") == "Tensor\n"


def test_something_else_called_torch(tmp_path):
    """A module of that name that has no tensors is no trouble."""
    pathlib.Path(tmp_path, "torch.py").write_text("")
    assert run("""
import sys; sys.path.insert(0, sys.argv[1])
import torch, vrec
print(vrec.builder_factory("faiss").from_embeddings([[1.0, 2.0]]).query([[1.0, 2.0]], 1)[0])
""", tmp_path) == "[[0]]\n"


def test_pandas(torch_items):
    import pandas
    table = pandas.DataFrame(torch_items.numpy())
    assert_same(flat(table).query(table, 5), flat(torch_items).query(torch_items, 5))
    column = pandas.Series(list(torch_items.numpy()))  # a vector in every cell
    assert_same(flat(column).query(column, 5), flat(torch_items).query(torch_items, 5))


def test_who_may_be_returned(torch_items, torch_users):
    own = torch.arange(len(torch_items)) * 3 + 1
    index = vrec.builder_factory("faiss").from_embeddings(torch_items, ids=own)
    mask = torch.arange(len(torch_items)) % 2 == 0
    ids, _ = index.query(torch_users, 5, allow=mask, exclude=own[:10])
    assert bool(torch.isin(ids, own[10:][mask[10:]]).all())
    each = mask.repeat(len(torch_users), 1)
    assert torch.equal(index.query(torch_users, 5, allow=each, exclude=own[:10])[0], ids)
    assert torch.equal(index.query(torch_users, 5, allow=list(own[10:][mask[10:]]))[0], ids)
