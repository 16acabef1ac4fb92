#!/usr/bin/env python3
"""A real million: SIFT descriptors (128 values) of the photographs among Debian's wallpapers.

    bench/photos.py [FOLDER]        (default: build/bench)

Makes photos.npy, about a million rows, and photos-queries.npy, 10 000 descriptors of other photographs. The packages
(180 MB) are fetched with apt-get and unpacked in the folder; the photographs are under the licences that each package's
copyright file names (CC-BY-SA, GPL, CC0 and the like). Wants Debian's apt and dpkg, and OpenCV.

Real are the images, the descriptors, and that queries come from elsewhere. Few are the photographs: a few large ones
of leaves, stones and water give most rows, up to CAP each. Equal descriptors are kept once. The same packages and
OpenCV give the same files.

SPDX-License-Identifier: Apache-2.0
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

PHOTOGRAPHS = {  # of each package, those that no program has drawn
    "lomiri-wallpapers-16.04": ["backgrounds/*.jpg"],
    "lomiri-wallpapers-20.04": ["backgrounds/Kleiber*.jpg"],
    "lxqt-themes": [f"lxqt/wallpapers/{name}.*" for name in (
        "Valendas", "after-the-rain", "appleflower", "beam", "butterfly", "cloud", "drop", "flowers", "fog",
        "this-is-not-windows")],
    "mate-backgrounds": ["backgrounds/mate/nature/*.jpg"],
    "plasma-workspace-wallpapers": [f"wallpapers/{name}/contents/images/2560x1600.jpg" for name in (
        "BytheWater", "ColdRipple", "ColorfulCups", "DarkestHour", "EveningGlow", "FallenLeaf", "Grey", "Kite",
        "OneStandsOut", "Path", "summer_1am")],
}
DRAWN = "analogpattern", "umang"  # two of the first package
LONGEST = 4096  # pixels of a side; what is larger is scaled down
CONTRAST = 0.01  # of a point that is described; a quarter of SIFT's usual, for more of them
CAP = 120_000  # descriptors of one photograph, those of the strongest points
HELD_OUT, QUERIES = 8, 10_000  # every eighth photograph is for queries


def fetch(folder):
    """The path of photos.npy in the folder; made there unless it exists, after photos-queries.npy."""
    path = Path(folder) / "photos.npy"
    if not path.exists():
        photographs = unpack(Path(folder) / "photographs")
        for_queries = photographs[HELD_OUT - 1::HELD_OUT]
        save(path.with_name("photos-queries.npy"), describe(for_queries)[:QUERIES])
        save(path, describe([photograph for photograph in photographs if photograph not in for_queries]))
    return path


def unpack(folder):
    """The paths of the photographs."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for package, patterns in PHOTOGRAPHS.items():
        place = folder / package
        if not place.exists():
            print(f"fetching {package}...", file=sys.stderr)
            subprocess.run(["apt-get", "download", "-qq", package], cwd=folder, check=True, stderr=subprocess.DEVNULL)
            archive, = folder.glob(f"{package}_*.deb")
            subprocess.run(["dpkg-deb", "-x", archive, place], check=True)
            archive.unlink()
        for pattern in patterns:
            some = sorted((place / "usr" / "share").glob(pattern))
            if not some:
                sys.exit(f"photos: {package} has no {pattern}; its version is another than the recipe's")
            found += [path for path in some if not path.name.startswith(DRAWN)]
    return found


def describe(photographs):
    """The descriptors of all, each once, in an order that says nothing."""
    try:
        import cv2
    except ImportError:
        sys.exit("photos: OpenCV is missing: pip install opencv-python-headless")

    sift, parts = cv2.SIFT_create(nfeatures=CAP, contrastThreshold=CONTRAST), []
    for path in photographs:
        print(f"describing {path.name}...", file=sys.stderr)
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        scale = LONGEST / max(image.shape)
        if scale < 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        parts.append(sift.detectAndCompute(image, None)[1].astype(np.uint8))  # they are whole numbers below 256
    different = np.unique(np.concatenate(parts), axis=0)
    return different[np.random.default_rng(1).permutation(len(different))].astype(np.float32)


def save(path, vectors):
    unfinished = path.with_suffix(".tmp")
    with unfinished.open("wb") as file:
        np.save(file, vectors)
    unfinished.rename(path)


if __name__ == "__main__":
    default = Path(__file__).resolve().parent.parent / "build" / "bench"
    print(fetch(sys.argv[1] if len(sys.argv) > 1 else default))
