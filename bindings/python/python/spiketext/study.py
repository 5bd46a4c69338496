"""A study over machines: the cells of ``spiketext reproduce`` as tasks of a Dask cluster.

    python -m spiketext.study --scheduler tcp://HOST:8786 --grid study.toml --out results/mine

Each worker runs one cell a thread, by the program ``spiketext``, which writes the cell's result file: what a lost worker had
finished stays, and the cell that it was at is begun again by another. Cells that are there are not run again. The grid, its
texts and the folder of results are to be seen by all machines under the same paths; the package with its extra ``dask`` and
the same ``spiketext`` are installed on each.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

__all__ = ["CellError", "main", "run_cell"]

#: Seconds to wait for a scheduler, and for its first worker.
PATIENCE = 30

#: Starts a program that does not outlive who started it: the kernel ends it when the worker is killed. Otherwise the cell would
#: go on unseen while another worker makes it, too.
LAUNCHER = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
if os.getppid() != int(sys.argv[1]):
    sys.exit("the worker has ended")
os.execvp(sys.argv[2], sys.argv[2:])
"""

#: What ``reproduce`` takes and a study over machines does not, with the reason.
REFUSED = {
    "--list": "`spiketext reproduce --list` shows the cells",
    "--json": "it is how this program talks with `spiketext reproduce`",
    "--hours": "ctrl-C ends a study, and each cell that is done stays",
}


class CellError(Exception):
    """A cell that could not be made where it was tried; another worker may be able to."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the study; returns the exit status: 0 all cells are there, 1 some failed or were made otherwise, 2 nothing was run,
    130 ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m spiketext.study",
        description="Run the cells of a study on the workers of a Dask cluster.",
        epilog="All else is handed to `spiketext reproduce`: --grid, --out, --only, --quick, --seeds, --data-dir, "
        "--vectors-en, --vectors-zh, --teachers, --work, --wordnet, --again. Exit status: 0 all cells are there, 1 some "
        "failed or were made with other choices, 2 nothing was run.",
        allow_abbrev=False,
    )
    parser.add_argument("--scheduler", metavar="ADDRESS", help="where `dask scheduler` listens, such as tcp://10.0.0.1:8786")
    parser.add_argument(
        "--program", default="spiketext", metavar="PATH",
        help="the program: a name that every machine finds on its PATH, or a path that is the same on each [default: %(default)s]",
    )
    parser.add_argument("--threads", type=_from(1), default=1, metavar="N", help="threads of one cell [default: %(default)s]")
    parser.add_argument(
        "--retries", type=_from(0), default=2, metavar="N",
        help="how often a cell is begun again that could not be run to its end [default: %(default)s]",
    )
    own, rest = parser.parse_known_args(arguments)
    try:
        return _study(own, rest)
    except _Refused as refused:
        print(f"study: {refused}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        told = "study: ended; cells that were begun are finished by their workers, all others wait for the next run"
        print(told, file=sys.stderr)
        return 130


class _Refused(Exception):
    """Why nothing is run."""


def _from(least: int) -> Callable[[str], int]:
    """Reads a number that is not below ``least``."""

    def number(text: str) -> int:
        try:
            read = int(text)
        except ValueError:
            read = least - 1
        if read < least:
            raise argparse.ArgumentTypeError(f"expected a number from {least}, got {text!r}")
        return read

    return number


def _study(own: argparse.Namespace, rest: list[str]) -> int:
    if own.scheduler is None:
        raise _Refused(
            "expected --scheduler ADDRESS (tcp://HOST:8786, as `dask scheduler` says when it starts), got none; on one machine "
            "`spiketext reproduce` runs the same cells"
        )
    for argument in rest:
        if (reason := REFUSED.get(argument.split("=")[0])) is not None:
            raise _Refused(f"expected no {argument.split('=')[0]} over machines: {reason}")
    if os.path.dirname(own.program):
        own.program = os.path.abspath(own.program)
    try:
        version = version_of(own.program)
    except CellError as error:
        raise _Refused(f"{error} (--program)") from None
    states = _states(own.program, rest)
    again = "--again" in rest
    cells = [cell for cell, state in states.items() if state == "missing" or (again and state != "done")]
    otherwise = [cell for cell, state in states.items() if state not in ("missing", "done") and not again]
    for cell in otherwise:
        print(f"kept as it is: {cell}: {states[cell]} (--again runs it again)", file=sys.stderr)
    there = len(states) - len(cells) - len(otherwise)
    failed = _run(own, rest, version, cells, there, len(states)) if cells else {}
    # What workers wrote has to be seen from here.
    after = _states(own.program, rest) if cells else states
    for cell in cells:
        if cell not in failed and after[cell] != "done":
            failed[cell] = f"its worker is done and its result is not to be seen here ({after[cell]}): --out has to be shared"
            print(f"failed: {cell}: {failed[cell]}", file=sys.stderr)
    print(
        f"{len(cells) - len(failed)} cells run, {there} were there, {len(otherwise)} there with other choices, "
        f"{len(failed)} failed"
    )
    return 1 if failed or otherwise else 0


def _states(program: str, arguments: list[str]) -> dict[str, str]:
    """The state of each cell that is asked for, by name, in the order in which they are to be run."""
    done = subprocess.run(
        [program, "reproduce", *arguments, "--list", "--json"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        errors="replace",
    )
    if done.returncode != 0:
        raise _Refused(done.stderr.strip() or f"`{program} reproduce --list` ended with {done.returncode}")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["id"]: line["state"] for line in told}


def _run(
    own: argparse.Namespace, rest: list[str], version: str, cells: list[str], there: int, of: int
) -> dict[str, str]:
    """Runs the cells on the workers; returns why which failed."""
    try:
        distributed: Any = importlib.import_module("distributed")
    except ModuleNotFoundError as error:
        raise _Refused(f"expected dask.distributed (pip install 'spiketext[dask]'): {error}") from None
    try:
        client = distributed.Client(own.scheduler, timeout=PATIENCE, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise _Refused(f"expected a scheduler at {own.scheduler} (--scheduler): {error}") from None
    with client:
        _check_workers(client, own, version)
        started = time.monotonic()
        # Not pure: a cell whose file was removed is made again, whatever the scheduler remembers. The first come first.
        futures = {
            client.submit(
                run_cell, cell, own.program, version, rest, os.getcwd(), own.threads,
                key=f"{cell}-{uuid.uuid4()}", pure=False, retries=own.retries, priority=-number,
            ): cell
            for number, cell in enumerate(cells)
        }
        failed: dict[str, str] = {}
        for number, future in enumerate(distributed.as_completed(futures, loop=client.loop), 1):
            cell = futures[future]
            left = duration((time.monotonic() - started) / number * (len(cells) - number))
            if future.status == "finished":
                told = future.result()
                if told["failed"] is None:
                    how = f"{told['seconds']:.0f} s on {told['machine']}; about {left} left"
                    print(f"{there + number}/{of} {cell} ({how})", flush=True)
                    continue
                failed[cell] = told["failed"]
            elif future.status == "error":
                raised = future.exception()
                failed[cell] = str(raised) if isinstance(raised, CellError) else f"{type(raised).__name__}: {raised}"
            else:
                failed[cell] = f"{future.status}: the scheduler has ended, or another program cancels its tasks"
            print(f"failed: {cell}: {failed[cell]}", file=sys.stderr, flush=True)
    return failed


def _check_workers(client: Any, own: argparse.Namespace, version: str) -> None:
    """Refuses workers that would make cells by another program, before any is made."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        raise _Refused(
            f"expected workers at {own.scheduler} within {PATIENCE} s (`dask worker {own.scheduler} --nthreads 1`), got none"
        ) from None
    wrong = []
    for worker, answer in client.run(_program_here, own.program, on_error="return").items():
        if isinstance(answer, BaseException):
            wrong.append(f"{worker}: {type(answer).__name__}: {answer}")
        elif answer["error"] is not None:
            wrong.append(f"{worker}: {answer['error']}")
        elif answer["version"] != version:
            wrong.append(f"{worker}: {_differs(version, answer['version'], answer['machine'])}")
    if wrong:
        raise _Refused("; ".join(wrong) + " (--program)")


def _program_here(program: str) -> dict[str, str | None]:
    """What a worker's program says of itself."""
    try:
        return {"version": version_of(program), "error": None, "machine": socket.gethostname()}
    except CellError as error:
        return {"version": None, "error": str(error), "machine": socket.gethostname()}


def _differs(expected: str, got: str, machine: str) -> str:
    return f"expected the program that the study was started with ({expected}), got {got} on the machine {machine}"


def version_of(program: str) -> str:
    """The program's version and what it was built from."""
    found = shutil.which(program)
    if found is None:
        raise CellError(f"expected the program {program} on the machine {socket.gethostname()}, got none")
    try:
        done = subprocess.run([found, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise CellError(f"expected a program at {found} on the machine {socket.gethostname()}: {error}") from error
    if done.returncode != 0:
        how = f"ended with {done.returncode}: {_last_line(done.stderr)}"
        raise CellError(f"{found} --version on the machine {socket.gethostname()} {how}")
    return ", ".join(line.strip() for line in done.stdout.splitlines() if line.strip())


def run_cell(
    cell: str, program: str, version: str, arguments: Sequence[str], folder: str, threads: int
) -> dict[str, Any]:
    """Runs one cell on the worker that this is called on, in ``folder``, and says how it went: ``machine``, ``seconds``, and
    in ``failed`` why the program could not make the cell, ``None`` if it did (or found it there).

    Raises :class:`CellError` where chance or the machine may be to blame, so that it is tried again: no such program or
    folder, another version, an end by a signal.
    """
    machine = socket.gethostname()
    got = version_of(program)
    if got != version:
        raise CellError(_differs(version, got, machine))
    if not os.path.isdir(folder):
        raise CellError(f"expected the folder {folder}, in which the study was started, on the machine {machine}, got none")
    command = [program, "reproduce", *arguments, "--only", f"cell={cell}", "--json"]
    if sys.platform == "linux":
        command = [sys.executable, "-I", "-c", LAUNCHER, str(os.getpid()), *command]
    started = time.monotonic()
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "RAYON_NUM_THREADS": str(threads)}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, errors="replace",
    )
    failed = None
    if done.returncode != 0:
        why = _last_line(done.stderr)
        # A cell that the program gave up gives the same the next time.
        if done.returncode != 1 or not _gave_up(done.stdout):
            how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit status {done.returncode}"
            raise CellError(f"{how} on the machine {machine}: {why}")
        failed = why
    return {"machine": machine, "seconds": time.monotonic() - started, "failed": failed}


def _gave_up(stdout: str) -> bool:
    """Whether the program came to the end of its work and says that the cell failed."""
    lines = stdout.splitlines()
    try:
        outcome = json.loads(lines[-1])["outcome"]
    except (IndexError, ValueError, KeyError, TypeError):
        return False
    return bool(outcome["failed"] or outcome["otherwise"])


def _last_line(stderr: str) -> str:
    lines = [line.strip() for line in stderr.replace("\r", "\n").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _as_a_program() -> NoReturn:
    # Under its own name, so that workers find the functions that are sent to them.
    from spiketext import study

    sys.exit(study.main())


if __name__ == "__main__":
    _as_a_program()
