"""What an index would take. SPDX-License-Identifier: Apache-2.0"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Forecast:
    """What `Builder.estimate` says of an index: sizes in bytes, within 15 %.

    Attributes
    ----------
    file_bytes : int
        Of the file; faiss: to the byte.
    index_bytes : int
        Of memory, with the codes that are made when the index is.
    codes_bytes : int
        Of memory that queries add, once that pays (option ``codes``).
    peak_bytes : int
        Of memory while it is built, at the most, without the items that are given.
    seconds : float
        Of the build, on this machine as it is now: within a factor of 1.5.
    trial_rows : int
        Items of the largest trial that `seconds` follows from.
    opened_bytes : int
        Of memory of its own that the index has once it is opened from its file, as the option ``load`` says.
    mapped_bytes : int
        Of that file, used where it is and shared by processes; 0 with ``load="read"``.
    """

    file_bytes: int
    index_bytes: int
    codes_bytes: int
    peak_bytes: int
    seconds: float
    trial_rows: int
    opened_bytes: int
    mapped_bytes: int
