"""Torch-RecHub's own examples of two-tower models, as its source distribution has them, with two imports changed.

RECHUB_SDIST names the archive; `scripts/test BUILD python` brings it. They run on a table with the columns of
MovieLens 1M that is made here. SPDX-License-Identifier: Apache-2.0
"""

import ast
import os
import subprocess
import sys
import tarfile

import numpy as np
import pandas as pd
import pytest

CHANGED = {
    "from torch_rechub.utils.match import Annoy\n": "from vrec.utils.match import Annoy\n",
    "from torch_rechub.basic.metric import": "from vrec.basic.metric import",
}
USERS, FILMS = 60, 120

pytestmark = pytest.mark.skipif("RECHUB_SDIST" not in os.environ, reason="RECHUB_SDIST names no archive")


def ratings():
    rng = np.random.default_rng(5)
    users = pd.DataFrame({"user_id": np.arange(1, USERS + 1), "gender": rng.choice(["F", "M"], USERS),
                          "age": rng.choice([1, 18, 25, 35], USERS), "occupation": rng.integers(21, size=USERS),
                          "zip": rng.integers(10_000, 99_999, size=USERS)})
    films = pd.DataFrame({"movie_id": np.arange(1, FILMS + 1) * 3, "title": [f"Film {i}" for i in range(FILMS)],
                          "genres": rng.choice(["Action|Drama", "Comedy", "Drama", "Horror|Sci-Fi"], FILMS)})
    seen = pd.DataFrame({"user_id": rng.integers(1, USERS + 1, size=1500),
                         "movie_id": rng.choice(films.movie_id, 1500), "rating": rng.integers(1, 6, size=1500),
                         "timestamp": rng.integers(900_000_000, 1_000_000_000, size=1500)})
    return seen.drop_duplicates(["user_id", "movie_id"]).merge(users).merge(films)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The scripts, with their imports changed, and the data where they look for it."""
    place = tmp_path_factory.mktemp("examples")
    counts = dict.fromkeys(CHANGED, 0)
    with tarfile.open(os.environ["RECHUB_SDIST"]) as archive:
        for member in archive.getmembers():
            path = member.name.split("/")
            if path[1:3] != ["examples", "matching"] or len(path) != 4 or not path[3].endswith(".py"):
                continue
            text = archive.extractfile(member).read().decode()
            for old, new in CHANGED.items():
                counts[old] += text.count(old)
                text = text.replace(old, new)
            (place / path[3]).write_text(text, encoding="utf-8")
    assert all(counts.values()), f"the imports aren't there: {counts}"
    (place / "data/ml-1m/saved").mkdir(parents=True)
    ratings().to_csv(place / "data/ml-1m/ml-1m_sample.csv", index=False)
    return place


@pytest.mark.parametrize("model", ["comirec", "dssm", "facebook_dssm", "gru4rec", "mind", "sine", "youtube_dnn",
                                   "youtube_sbc"])
def test_example(model, folder):
    done = subprocess.run([sys.executable, f"run_ml_{model}.py", "--epoch", "1", "--device", "cpu"], cwd=folder,
                          capture_output=True, text=True, timeout=140, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    printed = done.stdout.strip().splitlines()[-1]
    metrics = ast.literal_eval(printed[printed.index("{"):].rstrip(")"))
    assert set(metrics) == {"NDCG", "MRR", "Recall", "Hit", "Precision"}
    for name, (text,) in metrics.items():
        label, value = text.split(": ")
        assert label == f"{name}@10" and 0 <= float(value) <= 1
