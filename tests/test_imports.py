"""Imports point one way: docs/architecture.md draws the arrows, this test holds them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {"boards": "boards", "export": "export", "nas": "nas", "quant": "quant"}

CORE = {
    "cache", "cases", "cycles", "errors", "evaluate", "files", "graph", "importers", "interpreter",
    "kernels", "latency", "memory", "nibbles", "numerics", "ops", "passes", "units",
}  # fmt: skip
TOP = {
    "__main__", "accuracy", "api", "bench", "bench_flash", "bench_grid", "bench_parts",
    "boards_doc", "calibration", "cli", "diff", "emulation", "fit", "jobs", "latency_page",
    "measure", "measurement", "onnx_coverage", "onnx_coverage_page", "power", "power_monitors",
    "profile_record", "profile_tables", "profiling", "progress", "quickstart", "report",
    "results", "sizes", "summary", "tables",
}  # fmt: skip

MAY_IMPORT: dict[str, set[str]] = {
    "boards": {"boards"},
    "core": {"boards", "core"},
    "quant": {"boards", "core", "quant"},
    "nas": {"boards", "core", "quant", "nas"},
    "export": {"boards", "core", "quant", "export"},
    "device": {"boards", "core", "export", "device"},
    "top": {"boards", "core", "quant", "nas", "export", "device", "top"},
}


def _room(module: str) -> str:
    """The room of `edge_runtime.<first>…`: a folder of its own, or core, or top."""
    parts = module.split(".")
    first = parts[1] if len(parts) > 1 else ""
    if first in {"boards", "quant", "nas", "export", "device"}:
        return first
    if first in CORE:
        return "core"
    assert first in TOP or not first, f"{module} is in no room: add it to docs and to this test"
    return "top" if first else "package"


def _modules() -> Iterator[tuple[str, Path]]:
    for folder, prefix in [("edge_runtime", "edge_runtime"), *(
        (folder, f"edge_runtime.{name}") for folder, name in FOLDERS.items()
    )]:  # fmt: skip
        for path in sorted((ROOT / folder).rglob("*.py")):
            inner = path.relative_to(ROOT / folder).with_suffix("").parts
            parts = [prefix, *(part for part in inner if part != "__init__")]
            yield ".".join(parts), path


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(("module", "path"), list(_modules()), ids=str)
def test_imports_point_one_way(module: str, path: Path) -> None:
    room = _room(module)
    for name in _imported(path):
        bare = name.split(".")[0]
        assert bare not in FOLDERS and bare != "firmware", f"{module} imports a bare {bare}"
        # `from edge_runtime.x import y` is listed as the module and as edge_runtime.x.y.
        if not name.startswith("edge_runtime.") or room == "package":
            continue
        if name.split(".")[1] in {"firmware", "__version__", "errors"}:
            continue
        assert _room(name) in MAY_IMPORT[room], f"{module} ({room}) → {name}"


def test_heavy_libraries_are_not_loaded_by_the_command_line() -> None:
    import subprocess
    import sys

    code = (
        "import sys, edge_runtime, edge_runtime.cli, edge_runtime.api;"
        "print([m for m in ('numpy','onnx','torch','unicorn','jinja2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
