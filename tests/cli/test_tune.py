"""The recall is said, not the knobs.

SPDX-License-Identifier: Apache-2.0
"""

import json
import os
import re
import xml.dom.minidom

import numpy as np
from command import fail, integers, succeed, vrec


def build(*options):
    items = np.random.default_rng(5).standard_normal((3000, 16)).astype(np.float32)
    np.save("items.npy", items)
    np.save("users.npy", np.random.default_rng(6).standard_normal((300, 16)).astype(np.float32))
    succeed("build", "faiss", *options, "items.npy", "-o", "i.index")


def test_table_and_json(folder):
    build("--index_type", "IVF", "--nlists", 30)
    tune = ("tune", "faiss", "i.index", "--queries", "users.npy", "--recall", 0.9)
    text = succeed(*tune)
    rows = re.findall(r"^(\d\.\d{4})  \d\.\d{4}  +\d+  +\d+  (nprobe=\d+|budget=\d+)(   <-)?$", text, re.M)
    assert len(rows) > 3 and sum(bool(mark) for *_, mark in rows) == 1
    assert [recall for recall, *_ in rows] == sorted(recall for recall, *_ in rows)
    best = next(value for _, value, mark in rows if mark)
    assert {name for _, value, _ in rows for name in value.split("=")[:1]} == {"nprobe", "budget"}
    assert f"{best} reaches recall 0.9 (" in text and "on 300 queries)" in text
    found = json.loads(succeed(*tune, "--json"))
    assert found["options"] == best and len(found["steps"]) == len(rows) and not found["of_items"]
    cost = {step["options"]: step["distances"] for step in found["steps"]}
    assert cost[best] == found["distances"] == min(cost[best], cost[found["file_options"]]) < 3000
    assert succeed(*tune, "--quiet") == f"{best}\n"
    assert "give some with --queries" in succeed("tune", "faiss", "i.index", "-k", 5)
    assert "another kind" not in text and abs(found["farther"] - 0.5) < 0.1
    np.save("strangers.npy", 3 * np.load("users.npy"))
    text = succeed("tune", "faiss", "i.index", "--queries", "strangers.npy", "--recall", 0.5)
    assert "The queries are of another kind than the items: their nearest items are farther away" in text


def test_a_tuned_file_holds_the_setting(folder):
    for kind, option in (("HNSW", "efSearch"), ("IVF", "nprobe")):
        build("--index_type", kind)
        found = json.loads(succeed("tune", "faiss", "i.index", "--queries", "users.npy", "-o", "tuned.index", "--json"))
        info = json.loads(succeed("info", "tuned.index", "--json"))
        assert found["file_options"] == f"{option}={info[option]}"
        same = json.loads(succeed("info", "i.index", "--json"))
        assert {**same, option: 0} == {**info, option: 0}


def test_a_forest(folder):
    np.save("items.npy", integers(2000, 16, seed=1))
    succeed("build", "annoy", "items.npy", "-o", "i.ann")
    assert succeed("tune", "annoy", "--d", 16, "i.ann", "--recall", ".8", "-q").startswith("searchk=")
    assert succeed("tune", "annoy", "i.ann", "--recall", ".8", "-q", "--queries", "users.npy").startswith("searchk=")
    fail(2, "a file of annoy holds no setting", "tune", "annoy", "--d", 16, "i.ann", "-o", "x.ann")


def test_a_build_says_the_recall(folder):
    build("--index_type", "HNSW", "--m", 6)
    for sample in ((), ("--queries", "users.npy")):
        text = succeed("build", "faiss", "--index_type", "HNSW", "--m", 6, "--target_recall", 0.9, "items.npy", *sample,
                       "-o", "tuned.index")
        setting = re.search(r"^tuned: ((?:gamma|efSearch)=\S+) has recall (?:0.9[^\n]*|1) of 10$", text, re.M)[1]
        if not sample:  # it is what is tuned by itself
            assert setting == succeed("tune", "faiss", "i.index", "--recall", 0.9, "-q").strip()
            succeed("tune", "faiss", "i.index", "--recall", 0.9, "-o", "other.index")
            with open("tuned.index", "rb") as one, open("other.index", "rb") as other:
                assert one.read() == other.read()
    text = succeed("build", "annoy", "--target_recall", 0.8, "items.npy", "-o", "i.ann", "--queries", "users.npy")
    assert re.search(r"^tuned: searchk=\d+ has recall (?:0.[89][^\n]*|1) of 10$", text, re.M)
    assert "tuned" not in succeed("build", "faiss", "--target_recall", 0.8, "items.npy", "-o", "i.index")


def test_what_comes_nearest_is_kept(folder):
    rng = np.random.default_rng(0)
    heap = rng.uniform(-1, 1, (30000, 4)).astype(np.float32)
    tiny = rng.uniform(-1e-40, 1e-40, (28000, 4))  # whose distances vanish: they hold a search until it keeps more
    heap[rng.permutation(30000)[:28000]] = tiny
    others = heap[(np.abs(heap) > 1e-30).any(1)][:100]
    np.save("heap.npy", heap)
    np.save("near.npy", (others + rng.uniform(-1, 1, others.shape) * 0.1).astype(np.float32))
    done = vrec("build", "faiss", "--index_type", "HNSW", "--m", 4, "--target_recall", 0.95, "heap.npy",
                "--queries", "near.npy", "-o", "heap.index")
    found = re.search(r"^tuned: (efSearch=\d+) has recall (\S+) of 10$", done.stdout, re.M)
    assert done.returncode == 0 and float(found[2]) < 0.95
    assert done.stderr.startswith(f"vrec: warning: recall 0.95 is out of reach: {found[1]} finds {found[2]}, and ")
    succeed("query", "faiss", "heap.index", "near.npy")
    fail(1, "tuning: recall 0.95 is out of reach", "tune", "faiss", "heap.index", "--queries", "near.npy",
         "--recall", 0.95)


def test_a_query_says_the_recall(folder):
    build("--index_type", "IVF", "--nlists", 30)
    np.save("many.npy", np.random.default_rng(7).standard_normal((2500, 16)).astype(np.float32))
    truth = [line for line in succeed("query", "faiss", "i.index", "many.npy", "--nprobe", 30).splitlines()]
    for recall in (0.6, 0.9):
        found = succeed("query", "faiss", "i.index", "many.npy", "--target_recall", recall).splitlines()
        share = len({(q, i) for q, _, i, _ in map(str.split, found)} & {(q, i) for q, _, i, _ in map(str.split, truth)})
        assert recall - 0.02 < share / len(truth) < recall + 0.08  # a list more or less
    fast = ("query", "faiss", "i.index", "many.npy", "--nprobe", 1)
    assert succeed(*fast) == succeed(*fast, "--target_recall", 0.9)
    fail(2, "it takes 0..1", "query", "faiss", "i.index", "many.npy", "--target_recall", 2)
    nan = np.load("many.npy")
    nan[1204, 3] = np.nan
    np.save("nan.npy", nan)
    fail(1, "query 1204 has a NaN", "query", "faiss", "i.index", "nan.npy", "--target_recall", 0.9)
    succeed("build", "faiss", "items.npy", "-o", "flat.index")
    flat = ("query", "faiss", "flat.index", "users.npy")
    assert succeed(*flat) == succeed(*flat, "--target_recall", 0.9)


def picture(path):
    document = xml.dom.minidom.parse(path)
    texts = ["".join(part.data if part.nodeType == part.TEXT_NODE else part.firstChild.data for part in text.childNodes)
             for text in document.getElementsByTagName("text")]
    return document, texts


def test_a_picture(folder):
    build("--index_type", "IVF", "--nlists", 30)
    os.rename("i.index", "lists<&>.index")
    succeed("build", "faiss", "--index_type", "HNSW", "--m", 8, "items.npy", "-o", "graph.index")
    tune = ("tune", "faiss", "lists<&>.index", "graph.index", "--queries", "users.npy", "--recall", 0.9)
    text = succeed(*tune, "--plot", "curves.svg")
    assert text.count("<-") == 2 and text.index("lists<&>.index:") < text.index("graph.index:")
    document, texts = picture("curves.svg")
    assert {".9", ".99"} <= set(texts) and any(text.startswith("exact search, ") for text in texts)
    chosen = re.findall(r"^(\S+=\S+) reaches", text, re.M)
    for name, setting in zip(("lists<&>.index", "graph.index"), chosen):
        assert any(text.startswith(f"{name}{setting}: recall 0.9") for text in texts)
    assert texts[-1].startswith("300 queries, 3000 items of 16 values; vrec ")
    assert "prefers-color-scheme:dark" in document.getElementsByTagName("style")[0].firstChild.data
    circles = document.getElementsByTagName("circle")
    assert sum(c.getAttribute("r") == "7" and c.getAttribute("class") in ("l0", "l1") for c in circles) == 2
    for curve in (0, 1):  # faster where less is found, but for what was chosen, which has the fewest distances
        line = next(p for p in document.getElementsByTagName("path")
                    if p.getAttribute("class") == f"l{curve}" and p.getAttribute("stroke-linejoin"))
        points = [tuple(map(float, point.split())) for point in re.split("[ML]", line.getAttribute("d"))[1:]]
        ring = next(tuple(float(c.getAttribute(a)) for a in ("cx", "cy")) for c in circles
                    if c.getAttribute("r") == "7" and c.getAttribute("class") == f"l{curve}")
        assert ring in points and points == sorted(points, key=lambda p: -p[0])
        others = [p for p in points if p != ring]
        assert others == sorted(others, key=lambda p: -p[1])
        assert all(64 <= x <= 736 and 64 <= y <= 424 for x, y in points)
    assert len(succeed(*tune, "--json").splitlines()) == 2


def test_a_picture_of_odd_names_and_sizes(folder):
    build("--index_type", "IVF", "--nlists", 30)
    np.save("few.npy", np.load("items.npy")[:1500])
    odd, long = "few\udcff\udced\udca0\udc80\x01.index", 90 * "a" + "\u7532" + 99 * "b"
    succeed("build", "faiss", "--index_type", "IVF", "--nlists", 9, "few.npy", "-o", odd)
    os.rename("i.index", long)
    succeed("tune", "faiss", odd, long, "--queries", "users.npy", "--recall", 0.8, "--plot", "x.svg", "-q")
    _, texts = picture("x.svg")
    assert any(text.startswith("few\\xff\\xed\\xa0\\x80\\x01.index") for text in texts)
    assert any(re.match("a{16}\u2026b{18}(nprobe|budget)=", text) for text in texts)
    assert any(text.startswith("exact search of the largest index, ") for text in texts)
    assert texts[-1].startswith("the largest index: 300 queries, 3000 items of 16 values; vrec ")


def test_pictures_refused(folder, index):
    tune = ("tune", "faiss", index)
    for ending in (".png", ".PDF", ".jpg"):
        fail(2, f"--plot draws an SVG; give x{ending} the ending .svg, not {ending}", *tune, "--plot", f"x{ending}")
    fail(2, "which would be lost", *tune, "--plot", index)
    fail(2, "-o takes one index, and 2 are given", *tune, index, "-o", "x.index")
    fail(2, "both go to x.svg", *tune, "-o", "x.svg", "--plot", "x.svg")
    fail(2, "is one too many", *tune, *[index] * 8)
    fail(1, "is exact", *tune, "--plot", "x.svg")
    build("--index_type", "IVF")
    fail(1, "no/a.svg", "tune", "faiss", "i.index", "--plot", "no/a.svg")
    fail(2, "--items is for an index on a server", "tune", "faiss", "i.index", "--items", "items.npy")
    fail(2, "--items FILE is missing", "tune", "milvus", "--collection", "films")


def test_all_indexes_are_looked_at_first(folder, index):
    build("--index_type", "IVF", "--nlists", 30)
    np.save("narrow.npy", integers(3000, 8, seed=1))
    succeed("build", "faiss", "--index_type", "IVF", "narrow.npy", "-o", "narrow.index")
    for name, message in ((index, f"{index}: tuning: index_type=Flat is exact; there is nothing to tune; leave it out"),
                          ("users.npy", "users.npy"), ("missing.index", "missing.index"),
                          ("narrow.index", "narrow.index: tuning: the queries have 16 values each, the index has 8")):
        done = fail(1, message, "tune", "faiss", "i.index", name, "i.index", "--queries", "users.npy", "--plot", "x.svg")
        assert done.stdout == "" and not os.path.exists("x.svg")


def test_what_is_found_is_not_given(folder, index):
    for backend, option, key in (("faiss", "ef_search", "efSearch"), ("faiss", "gamma", "gamma"),
                                 ("faiss", "nprobe", "nprobe"), ("faiss", "budget", "budget"),
                                 ("annoy", "searchk", "searchk")):
        fail(2, f"--{key} is what tune finds by itself; leave it out", "tune", backend, index, f"--{option}", 1)


def test_refused(folder, index):
    fail(1, "is exact; there is nothing to tune", "tune", "faiss", index)
    for wrong in ("1", "0", "-1", "95", "x", "nan"):
        fail(2, "between 0 and 1", "tune", "faiss", index, "--recall", wrong)
    np.save("few.npy", integers(5, 16, seed=1))
    fail(1, "server", "tune", "milvus", "--collection", "c", "--port", 1, "--connect_timeout", 1, "--items", "few.npy")
    fail(2, "which would be lost", "tune", "faiss", index, "--queries", "users.npy", "-o", "users.npy")
    fail(1, "No such file", "tune", "faiss", index, "--queries", "missing.npy")
