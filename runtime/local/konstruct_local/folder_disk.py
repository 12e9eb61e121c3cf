"""A folder of YAML on the disk: reading its files, replacing one."""

import os
from pathlib import Path

from konstruct_local.errors import Fault
from konstruct_local.home import write_atomically

MODELS_FILE = "models.yaml"
_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_LARGEST_FILE = 4 * 1024 * 1024


def is_resource_file(path: Path, root: Path) -> bool:
    """Tell whether a file may hold resources: YAML, not hidden, not the model pool."""
    try:
        parts = path.relative_to(root).parts
    except ValueError:
        return False
    hidden = any(part.startswith(".") for part in parts)
    return path.suffix in _SUFFIXES and not hidden and parts != (MODELS_FILE,)


def read_folder(root: Path) -> tuple[dict[str, str], list[Fault]]:
    """Return the text of every resource file by its name to people, and what cannot be read.

    Names start with `root` as it was given, so that they can be pasted into an editor's command.
    """
    texts: dict[str, str] = {}
    faults: list[Fault] = []
    for directory, folders, files in os.walk(root):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for file in sorted(files):
            path = Path(directory) / file
            if not is_resource_file(path, root):
                continue
            try:
                if path.stat().st_size > _LARGEST_FILE:
                    faults.append(Fault(str(path), 1, "", "the file is larger than 4 MiB"))
                else:
                    texts[str(path)] = path.read_text(encoding="utf-8")
            except FileNotFoundError:
                continue  # replaced at this moment: the watcher calls again
            except UnicodeDecodeError:
                faults.append(Fault(str(path), 1, "", "the file is not UTF-8 text"))
            except OSError as error:
                faults.append(Fault(str(path), 1, "", error.strerror or "cannot be read"))
    return texts, faults


def replace_file(path: Path, text: str) -> None:
    """Replace a file's text as a whole, keeping its mode; an empty text removes the file.

    A link stays one: what it points to is replaced.
    """
    if not text:
        path.unlink(missing_ok=True)
        return
    path = path.resolve()
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    write_atomically(path, text, mode=mode)
