"""From the library's reports to progress bars. SPDX-License-Identifier: Apache-2.0"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias

from ._errors import ArgumentError


class Bar(Protocol):
    """A progress bar, as tqdm's are. What `update` raises stops the call."""

    def update(self, n: int, /) -> object: ...

    def close(self) -> object: ...


class Progress(Protocol):
    """Makes the progress bars of a call, one for each of its phases. `tqdm.tqdm` is one."""

    def __call__(self, *, total: int, desc: str) -> Bar: ...


Report: TypeAlias = Callable[[str, str, int, int], object]


class _Bars:
    def __init__(self, make: Progress) -> None:
        self._make = make
        self._bar: Bar | None = None
        self._what = ""
        self._done = self._total = 0

    def _words(self, unit: str) -> dict[str, Any]:
        """What tqdm's bars are told besides; others are called with what was promised."""
        if not hasattr(self._make, "format_sizeof"):
            return {}
        return {"unit": "B", "unit_scale": True} if unit == "bytes" else {"unit": f" {unit}", "unit_scale": True}

    def report(self, what: str, unit: str, done: int, total: int) -> None:
        if self._bar is None or what != self._what:
            self.complete()
            self._bar = self._make(total=total, desc=what, **self._words(unit))
            self._what, self._done, self._total = what, 0, total
        if done > self._done:
            self._bar.update(done - self._done)
            self._done = done

    def complete(self) -> None:
        """End a phase that went well: its last report may have come before its end."""
        if self._bar is not None and self._done < self._total:
            self._bar.update(self._total - self._done)
        self.close()

    def close(self) -> None:
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.close()


def _tqdm() -> Progress:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ArgumentError("progress=True draws with tqdm, which isn't there: pip install tqdm") from None
    bar: Progress = tqdm
    return bar


@contextmanager
def bars(progress: Progress | bool | None) -> Iterator[Report | None]:
    """What the extension calls, for the length of a call."""
    if progress is None or progress is False:
        yield None
        return
    made = _Bars(_tqdm() if progress is True else progress)
    try:
        yield made.report
        made.complete()
    finally:
        made.close()
