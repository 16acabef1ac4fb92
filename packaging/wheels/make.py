#!/usr/bin/env python3
"""Makes the wheels that go to PyPI: for glibc, on x86-64 and aarch64, on one machine.

    make.py BUILD [TAG...]     makes BUILD/wheels/*.whl, SHA256SUMS and an SBOM; run by scripts/wheels

The compiler is zig's, from PyPI, which brings headers and libraries of every C library that it compiles for. The
library is linked into the extension, and protobuf-c too, compiled here from Debian's source; libcurl is opened at run
time and gives only its headers. Nothing that is written depends on when or where this runs.

SPDX-License-Identifier: Apache-2.0
"""

import hashlib
import importlib.metadata
import json
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig

# A wheel's platform, and what zig calls it: glibc since getentropy().
TARGETS = {
    "manylinux_2_26_x86_64": "x86_64-linux-gnu.2.26",
    "manylinux_2_26_aarch64": "aarch64-linux-gnu.2.26",
}

# Made when named, and not published: no Python on musl has tried them whole (numpy's wheel crashes in the one at hand).
UNTRIED = {
    "musllinux_1_2_x86_64": "x86_64-linux-musl",
    "musllinux_1_2_aarch64": "aarch64-linux-musl",
}

ZIP_EPOCH = "315532800"  # 1980, the first year that a zip archive knows

# An extension needn't say that it needs musl: it is in the process, and distributions call it by different names.
MUSL_AFTER = """\
case " $* " in *" -shared "*)
    while [ "$1" != -o ]; do shift; done
    '{tools}/patchelf' --remove-needed libc.so "$2" ;;
esac
"""

CROSS = """
[binaries]
c = '{folder}/cc'
ar = '{folder}/ar'
pkg-config = 'pkg-config'

[properties]
pkg_config_libdir = '{folder}/pkgconfig'

[built-in options]
c_args = {c_args}
c_link_args = ['-s']

[host_machine]
system = '{system}'
cpu_family = '{cpu}'
cpu = '{cpu}'
endian = 'little'
"""

PROTOBUF_C_FLAGS = ["-O2", "-fPIC", "-fvisibility=hidden", "-fstack-protector-strong", "-U_FORTIFY_SOURCE",
                    "-D_FORTIFY_SOURCE=3"]


def run(*command, **options):
    subprocess.run(list(map(str, command)), check=True, **options)


def output(*command):
    return subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


class Protobuf:
    """protobuf-c's source, of the version whose compiler is installed; Debian's archive answers for its bytes."""

    def __init__(self, folder):
        self.version = output("dpkg-query", "-W", "-f", "${source:Version}", "libprotobuf-c-dev")
        self.upstream = self.version.rpartition("-")[0]
        self.archive = folder / f"protobuf-c_{self.upstream}.orig.tar.gz"
        self.source = folder / f"protobuf-c-{self.upstream}"
        if not self.archive.exists():
            run("scripts/source", folder, f"protobuf-c={self.version}")
        if not self.source.exists():
            run("tar", "-x", "-C", folder, "-f", self.archive)

    def compile(self, folder):
        """For the target whose compiler is in the folder; names within the archive are all that is told of paths."""
        run(folder / "cc", *PROTOBUF_C_FLAGS, "-I.", "-c", "protobuf-c/protobuf-c.c", "-o", folder / "protobuf-c.o",
            cwd=self.source)
        run(folder / "ar", "rcsD", folder / "libprotobuf-c.a", folder / "protobuf-c.o")


def stage_headers(folder):
    """What Python's and libcurl's headers need beside themselves, without the C library's that stand there too.
    Python's configuration is this machine's: what the limited API sees of it is the sizes that all 64-bit systems
    share."""
    shutil.rmtree(folder, ignore_errors=True)
    python = "python" + sysconfig.get_python_version()
    for cpu in ("x86_64", "aarch64"):
        machine = cpu + "-linux-gnu"
        write(folder / machine / python / "pyconfig.h",
              pathlib.Path(f"/usr/include/{sysconfig.get_config_var('MULTIARCH')}/{python}/pyconfig.h").read_text())
    shutil.copytree(output("pkg-config", "--variable=includedir", "libcurl") + "/curl", folder / "curl")


def prepare(folder, target, headers, protobuf):
    """A compiler, libraries and a cross file for the target."""
    shutil.rmtree(folder, ignore_errors=True)
    zig = f"'{sys.executable}' -m ziglang"
    after = MUSL_AFTER.format(tools=pathlib.Path(sys.executable).parent) if target.endswith("-musl") else ""
    write(folder / "cc", f'#!/bin/sh\n{zig} cc -target {target} "$@" || exit\n{after}', 0o755)
    write(folder / "ar", f'#!/bin/sh\nexec {zig} ar "$@"\n', 0o755)
    protobuf.compile(folder)
    for name, version, flags in (
            ("libcurl", output("pkg-config", "--modversion", "libcurl"), f"Cflags: -I{headers}"),
            ("libprotobuf-c", protobuf.upstream, f"Cflags: -I{protobuf.source}\nLibs: -L{folder} -lprotobuf-c")):
        write(folder / "pkgconfig" / f"{name}.pc", f"Name: {name}\nDescription: {name}\nVersion: {version}\n{flags}\n")
    cpu, system = target.split("-")[:2]
    # clang of 18 to 20 has the 512 bits of AVX-512 as a feature of its own, and zig switches off what isn't asked for.
    c_args = [f"-I{headers}"] + (["-mevex512"] if cpu == "x86_64" else [])
    write(folder / "cross.ini", CROSS.format(folder=folder, cpu=cpu, c_args=c_args,
                                             system={"macos": "darwin"}.get(system, system)))


def copy_source(folder, protobuf):
    """The tree as git would take it, with protobuf-c's licence, which asks to come along."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], check=True,
                           stdout=subprocess.PIPE).stdout
    names = [name for name in files.split(b"\0") if name and os.path.exists(name)]
    pack = subprocess.run(["tar", "-c", "--null", "--files-from", "-"], input=b"\0".join(names), check=True,
                          stdout=subprocess.PIPE).stdout
    run("tar", "-x", "-C", folder, input=pack)
    shutil.copy(protobuf.source / "LICENSE", folder / "LICENSE.protobuf-c")
    project = folder / "pyproject.toml"
    text = project.read_text()
    for old, new in (('license = "Apache-2.0"', 'license = "Apache-2.0 AND BSD-2-Clause"'),
                     ('license-files = ["LICENSE"]', 'license-files = ["LICENSE", "LICENSE.protobuf-c"]')):
        assert old in text, old
        text = text.replace(old, new)
    project.write_text(text)


def make_wheel(tag, source, work, out):
    environment = dict(os.environ, SOURCE_DATE_EPOCH=ZIP_EPOCH, _PYTHON_HOST_PLATFORM=tag)
    environment["PATH"] = f"{pathlib.Path(sys.executable).parent}:{environment['PATH']}"
    settings = {"setup-args": [f"--cross-file={work}/cross.ini", "-Dmilvus=enabled"],
                "compile-args": ["-j2", "python/_core.abi3.so"], "builddir": str(work / "build")}
    program = f"import mesonpy; mesonpy.build_wheel({str(out)!r}, {settings!r})"
    run(sys.executable, "-c", program, cwd=source, env=environment)


def component(name, version, purl, licence, digest, **more):
    return {"type": "library", "name": name, "version": version, "purl": purl,
            "licenses": [{"license": {"id": licence}}], "hashes": [{"alg": "SHA-256", "content": digest}], **more}


def write_papers(out, protobuf):
    """Checksums, and in CycloneDX what the wheels consist of."""
    wheels = sorted(out.glob("*.whl"))
    version = wheels[0].name.split("-")[1]
    inside = component("protobuf-c", protobuf.upstream, f"pkg:deb/debian/protobuf-c@{protobuf.version}?arch=source",
                       "BSD-2-Clause", sha256(protobuf.archive), scope="required")
    tools = [{"type": "application", "name": name, "version": importlib.metadata.version(name)}
             for name in ("ziglang", "meson", "meson-python", "ninja")]
    sbom = {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"component": {"type": "library", "bom-ref": "vrec", "name": "vrec", "version": version,
                                   "purl": f"pkg:pypi/vrec@{version}",
                                   "licenses": [{"license": {"id": "Apache-2.0"}}]},
                     "tools": {"components": tools}},
        "components": [{**inside, "bom-ref": "protobuf-c"}] + [
            {"type": "file", "name": wheel.name, "hashes": [{"alg": "SHA-256", "content": sha256(wheel)}]}
            for wheel in wheels],
        "dependencies": [{"ref": "vrec", "dependsOn": ["protobuf-c"]}],
    }
    papers = out / f"vrec-{version}.cdx.json"
    write(papers, json.dumps(sbom, indent=2) + "\n")
    write(out / "SHA256SUMS", "".join(f"{sha256(path)}  {path.name}\n" for path in [*wheels, papers]))


def main(build, *tags):
    work = pathlib.Path(build).resolve() / "wheels-work"
    out = pathlib.Path(build).resolve() / "wheels"
    os.environ["ZIG_GLOBAL_CACHE_DIR"] = os.environ["ZIG_LOCAL_CACHE_DIR"] = str(work / "zig-cache")
    protobuf = Protobuf(work / "protobuf-c")
    stage_headers(work / "headers")
    copy_source(work / "source", protobuf)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for tag in tags or TARGETS:
        prepare(work / tag, {**TARGETS, **UNTRIED}[tag], work / "headers", protobuf)
        make_wheel(tag, work / "source", work / tag, out)
    write_papers(out, protobuf)


if __name__ == "__main__":
    main(*sys.argv[1:])
