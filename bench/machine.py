"""What a report must say about where it was measured. SPDX-License-Identifier: Apache-2.0"""

import os
import subprocess
from importlib.metadata import version
from pathlib import Path

import faiss
import threadpoolctl
import vrec

FLAGS = {"avx2": ["-mavx2", "-mfma"], "avx512": ["-mavx512f"], "amx": ["-mavx512f"]}


def describe(folder):
    gflops, gbytes = limits(folder)
    blas = next((lib for lib in threadpoolctl.threadpool_info()
                 if lib["user_api"] == "blas" and "faiss" in lib["filepath"]), {})
    return {
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "gflops": gflops,
        "gbytes": gbytes,
        "vrec": vrec.__version__,
        "vrec_cpu": vrec.cpu(),
        "annoy": version("annoy"),
        "faiss": faiss.__version__,
        "faiss_cpu": faiss.SIMDConfig.get_level_name(),
        "faiss_blas": f"{blas.get('internal_api')} {blas.get('version')} {blas.get('architecture')}",
    }


def limits(folder):
    """One core's float32 multiply-adds in GFLOP/s and its reading from memory in GB/s."""
    tier = vrec.cpu()
    program = Path(folder) / f"limits-{tier}"
    source = Path(__file__).with_name("limits.c")
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O3", *FLAGS.get(tier, []), source, "-o", program],
                   check=True)
    output = subprocess.run([program.resolve()], check=True, stdout=subprocess.PIPE, text=True).stdout
    return [float(number) for number in output.split()]


def cpu_model():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return os.uname().machine


def text(m):
    return (f"{m['cpu']}, {m['cores']} cores, load {m['load']:.1f}; one core: {m['gflops']:.0f} GFLOP/s f32, "
            f"reads {m['gbytes']:.1f} GB/s\n"
            f"vrec {m['vrec']} ({m['vrec_cpu']}) against annoy {m['annoy']} and faiss-cpu {m['faiss']} ({m['faiss_cpu']}; "
            f"BLAS: {m['faiss_blas']})")
