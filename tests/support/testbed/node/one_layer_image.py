"""Writes a folder as an image of one layer, in the archive format that `ctr images import` reads.

The archive is the same for the same folder: no times, no owners.
"""

import argparse
import hashlib
import io
import json
import platform
import tarfile
from pathlib import Path

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def main() -> None:
    """Write the image that the command line describes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="repository and tag")
    parser.add_argument("--entrypoint", required=True)
    parser.add_argument("--root", required=True, type=Path, help="the folder")
    parser.add_argument("--output", required=True, type=Path)
    asked = parser.parse_args()
    layer = _layer(asked.root)
    configuration = {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {"Entrypoint": [asked.entrypoint], "User": "65532:65532"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [asked.name], "Layers": ["layer.tar"]}]
    with tarfile.open(asked.output, "w") as archive:
        _add(archive, "layer.tar", layer)
        _add(archive, "config.json", json.dumps(configuration).encode())
        _add(archive, "manifest.json", json.dumps(manifest).encode())


def _layer(root: Path) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as layer:
        for path in sorted(root.rglob("*")):
            if path.is_file():
                _add(layer, str(path.relative_to(root)), path.read_bytes(), mode=0o755)
    return held.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes, *, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = mode
    archive.addfile(entry, io.BytesIO(content))


if __name__ == "__main__":
    main()
