"""The items of an indexer: their ids, names and vectors. SPDX-License-Identifier: Apache-2.0"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from . import _convert
from ._base import Base
from ._errors import ArgumentError, UnsupportedError
from ._names import are_names, texts

if TYPE_CHECKING:
    import numpy.typing as npt

    Ids: TypeAlias = npt.NDArray[np.int64]


class Items(Base):
    """Who is in the index."""

    def ids(self) -> Ids:
        """The ids of all rows.

        Returns
        -------
        ndarray of int64, shape (len(self),)
            -1 for a row that is no item (annoy: an id that nobody added).

        Raises
        ------
        UnsupportedError
            The items are on a server (milvus).
        """
        ids = np.empty(len(self), np.int64)
        self._handle.ids(ids)
        return ids

    def names(self, ids: Any = None) -> npt.NDArray[np.object_]:
        """The names of items, where they have some: ``indexer.names(indexer.query(users, 10)[0])``.

        Parameters
        ----------
        ids : torch.Tensor or array_like of int, any shape, or int, optional
            Whose, such as the ids that a query returned. Without it, of all rows.

        Returns
        -------
        ndarray of object, of the shape of `ids`
            A str for each; None for -1, and for an id that no item has.

        Raises
        ------
        UnsupportedError
            The items have no names.
        """
        if "names" not in self.info():
            raise UnsupportedError("names: the items have none; give texts as ids when the index is built")
        if ids is None:
            ids = np.arange(len(self))
        elif _convert.is_tensor(ids):
            ids = ids.detach().cpu().numpy()
        wanted = np.asarray(ids)
        found = np.empty(wanted.size, object)
        found[:] = self._handle.names(_convert.ids(wanted.reshape(-1), "ids"))
        return found.reshape(wanted.shape)

    def find(self, names: Any) -> Ids:
        """The ids of items, by their names.

        Parameters
        ----------
        names : array_like of str, shape (n,), or str
            Whose, in any order, also twice. One name is a list of one.

        Returns
        -------
        ndarray of int64, shape (n,)
            Their ids, as queries know them.

        Raises
        ------
        ArgumentError
            No item has one of the names; the message names the first.
        """
        wanted = texts(names, "names")
        ids = self._find(wanted, "names")
        if np.any(ids < 0):
            i = int(np.argmax(ids < 0))
            raise ArgumentError(f"names: no item has the name {wanted[i]!r}, which is number {i} of them")
        return ids

    def _find(self, names: list[str], what: str) -> Ids:
        """The same; -1 where nobody has it."""
        if "names" not in self.info():
            raise ArgumentError(f"{what}: it holds texts, but the items have no names; their ids are numbers")
        ids = np.empty(len(names), np.int64)
        self._handle.find(names, ids)
        return ids

    def vectors(self, ids: Any) -> Any:
        """The vectors of items, as the index holds them.

        Parameters
        ----------
        ids : torch.Tensor or array_like of int, or array_like of str, shape (n,), or int or str
            Whose, in any order, also twice. One id is a list of one.

        Returns
        -------
        torch.Tensor or ndarray of float32, shape (n, dim)
            torch if `ids` was.

        Raises
        ------
        ArgumentError
            No item has one of the ids; the message names the first.
        UnsupportedError
            The items are on a server (milvus).
        """
        if are_names(ids):
            ids = self.find(ids)
        wanted = _convert.ids(np.atleast_1d(ids) if np.ndim(ids) == 0 else ids, "ids")
        out = np.empty((len(wanted), self.dim), np.float32)
        self._handle.vectors(wanted, out)
        return _convert.tensors((out,))[0] if _convert.is_tensor(ids) else out

    def __contains__(self, id: object) -> bool:
        """Whether an item has that id, or that name."""
        if isinstance(id, str):
            return "names" in self.info() and bool(self._find([id], "id")[0] >= 0)
        try:
            self._handle.vectors(np.array([operator.index(id)], np.int64), np.empty(self.dim, np.float32))  # type: ignore[arg-type]
        except (ArgumentError, TypeError, OverflowError):
            return False
        return True
