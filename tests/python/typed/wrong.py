"""Mistakes that a type checker must find: one in every line that says so. SPDX-License-Identifier: Apache-2.0"""

import numpy as np
import vrec
from vrec.serving import builder_factory

builder = builder_factory("annoy", d=4)
builder_factory("annoy", d=4.5)  # WRONG
builder_factory("annoy", d=[4])  # WRONG
builder_factory(5)  # WRONG
indexer = builder.from_embeddings(np.zeros((3, 4)))
indexer.query(np.zeros((1, 4)))  # WRONG
indexer.query(np.zeros((1, 4)), "ten")  # WRONG
indexer.query(np.zeros((1, 4)), 10, threads="two")  # WRONG
indexer.query(np.zeros((1, 4)), 10, 2)  # WRONG
ids, distances, counts = indexer.query(np.zeros((1, 4)), 10)  # WRONG
ids, distances = indexer.query(np.zeros((1, 4)), 10, return_counts=True)  # WRONG
indexer.save(5)  # WRONG
indexer.sav("index")  # WRONG
indexer.dim = 5  # WRONG
indexer.query(np.zeros((1, 4)), 10, progress=5)  # WRONG

vrec.read_fvecs(5)  # WRONG
vrec.options(None)  # WRONG
