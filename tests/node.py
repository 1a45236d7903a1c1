"""Node.js, which runs the page's modules without a page."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

WEB = Path(__file__).resolve().parent.parent / "ui" / "web"


def page_modules(folder: Path) -> Path:
    """Copy the page's modules to ``folder`` as Node takes them; the test is skipped where there is no Node."""
    if shutil.which("node") is None:
        pytest.skip("no node on the PATH; Debian, Ubuntu: apt install nodejs")
    for module in WEB.glob("*.js"):
        shutil.copy(module, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


def run_node(modules: Path, script: str, given: Any = None) -> Any:
    """The value that ``script``, the body of an async function of ``given``, returns."""
    program = f"""
const given = JSON.parse(await new Promise((told) => {{
  let text = ""; process.stdin.on("data", (part) => text += part).on("end", () => told(text));
}}));
console.log(JSON.stringify(await (async () => {{ {script} }})()));
"""
    command = ["node", "--input-type=module", "-e", program]
    done = subprocess.run(
        command, cwd=modules, input=json.dumps(given), capture_output=True, text=True, check=False, timeout=60
    )
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)
