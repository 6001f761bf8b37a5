"""Tries mutated model files by the thousand, each in a worker with limits: `make fuzz`.

    python tests/fuzz/fuzz.py --inputs 100000 --first 0

One seed makes one input. What goes wrong is printed as it happens, with the seed and the original;
the record is written to docs/fuzzing.md.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from mutations import chosen, mutated
from originals import originals
from record import Record, write
from trial import Trial, tried

ADDRESS_SPACE = 8 << 30
PATIENCE = 30.0
"""Seconds after which a worker is ended; more than the limit, as others use the machine too."""


def main() -> None:
    """Run as the command line says, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--record", type=Path, help="the page to write")
    options = parser.parse_args()
    record = Record.begun(options.first, originals())
    for seed, trial in trials(options.first, options.first + options.inputs):
        record.take(seed, chosen(seed), trial)
        if trial.finding:
            print(f"seed {seed} {chosen(seed)}: {trial.finding}", flush=True)
        if record.inputs % 1000 == 0:
            print(record.line(), flush=True)
            if options.record:
                write(record, options.record)
    if options.record:
        write(record, options.record)
    for outcome, count in Counter(record.outcomes).most_common():
        print(f"{count:8} {outcome}")
    sys.exit(bool(record.findings))


def trials(first: int, end: int) -> Iterator[tuple[int, Trial]]:
    """What becomes of each seed's input; a worker that dies or hangs is replaced."""
    seed = first
    while seed < end:
        for trial in _by_one_worker([(each, chosen(each)) for each in range(seed, end)]):
            yield seed, trial
            seed += 1


def tried_apart(seed: int, name: str) -> Trial:
    """What becomes of one seed's change of the original `name`, in a worker of its own."""
    return next(_by_one_worker([(seed, name)]))


def _by_one_worker(inputs: Sequence[tuple[int, str]]) -> Iterator[Trial]:
    """What becomes of inputs, up to the first that ends the worker."""
    context = get_context("fork")
    mine, theirs = context.Pipe(duplex=False)
    worker = context.Process(target=_work, args=(theirs, inputs))
    worker.start()
    theirs.close()
    for _ in inputs:
        trial = _receive(mine, worker.pid)
        yield trial
        if trial.outcome == "ended":
            break
    mine.close()
    worker.join()


def _receive(pipe: Connection, worker: int | None) -> Trial:
    if not pipe.poll(PATIENCE):
        if worker is not None:
            os.kill(worker, signal.SIGKILL)
        return Trial("ended", f"hangs for {PATIENCE:.0f} s", PATIENCE, 0)
    try:
        trial: Trial = pipe.recv()
    except EOFError:
        return Trial("ended", "the process died", 0.0, 0)
    return trial


def _work(pipe: Connection, inputs: Sequence[tuple[int, str]]) -> None:
    """Try seeds one after the other; what libraries print is dropped."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    with tempfile.TemporaryDirectory() as folder:
        for seed, name in inputs:
            path = Path(folder) / f"model{name[name.rindex('.') :]}"
            path.write_bytes(mutated(name, seed))
            pipe.send(tried(path))


if __name__ == "__main__":
    main()
