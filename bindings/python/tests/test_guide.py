"""What the guide shows can be run, in one go and in an empty folder; the notebook, too."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def blocks_of_the_guide():
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs/guide/python.md").read_text(encoding="utf-8"), re.DOTALL)


def test_the_blocks_of_the_guide_run(tmp_path):
    blocks = blocks_of_the_guide()
    assert len(blocks) >= 7
    # Those left out where there is no PyTorch are told of by the test below.
    if not importlib.util.find_spec("snntorch"):
        blocks = [block for block in blocks if "torch" not in block]
    program = "import matplotlib\nmatplotlib.use('Agg')\n" + "\n".join(blocks)
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "spikes.png").stat().st_size > 10_000 and "50, 50" in done.stdout


def test_no_block_of_the_guide_was_left_out():
    in_torch = [block for block in blocks_of_the_guide() if "torch" in block]
    assert len(in_torch) == 1
    pytest.importorskip("snntorch", reason="a block of the guide that needs PyTorch and snnTorch was not run")


def test_the_notebook_runs(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    notebook = nbformat.read(ROOT / "examples/tour.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert any(output.get("data", {}).get("image/png") for cell in notebook.cells for output in cell.get("outputs", []))
