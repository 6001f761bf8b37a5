"""An Arduino library: the model's C files, and a sketch that prints a class."""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime.boards import Board
from edge_runtime.export.example_c import arduino_example
from edge_runtime.export.manifest import Manifest

_SPDX = "SPDX-License-Identifier: Apache-2.0"

_PROPERTIES = """\
name=edge_model
version={version}
author=edge-runtime
maintainer=edge-runtime
sentence=A neural network compiled to C.
paragraph=The model {model}, made by edge-runtime {version} for {core} ({board}).
category=Data Processing
url=https://pypi.org/project/edge-runtime/
architectures=*
includes=model.h
"""


def arduino_files(board: Board, manifest: Manifest, sources: Sequence[str]) -> dict[str, str]:
    """The library's files; `sources` are the C files of model/.

    Its sources are under src/, as the format demands: a file of one line there includes each one of
    model/.
    """
    files = {
        "library.properties": _PROPERTIES.format(
            version=manifest.version,
            model=" ".join(manifest.model.split()),
            core=board.core,
            board=board.name,
        ),
        "src/model.h": f'/* {_SPDX} */\n#include "../model/model.h"\n',
        "examples/Classify/Classify.ino": arduino_example(manifest.inputs, manifest.outputs),
    }
    for name in sources:
        files[f"src/{name}"] = f'/* {_SPDX} */\n#include "../model/{name}"\n'
    return files
