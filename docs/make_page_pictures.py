"""Draws docs/pictures/page*.png: the page in Chromium, with the demo's sample as its microphone.

python docs/make_page_pictures.py        needs chromium on the PATH, and half a minute
"""

from __future__ import annotations

import sys
import tempfile
import wave
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]

from browser import MICROPHONE_FLAGS, Page, browser  # noqa: E402  # the path comes first
from serve_process import ServeProcess  # noqa: E402
from speech import read_clip  # noqa: E402

from stream.audio import SAMPLE_RATE  # noqa: E402

SAMPLE = REPOSITORY / "ui" / "sample" / "sample.flac"
PICTURES = REPOSITORY / "docs" / "pictures"
N_LINES, N_STABLE_WORDS = 3, 8
MIDWAY = f"""
document.querySelectorAll("#lines li").length >= {N_LINES} && !document.getElementById("open").hidden
  && document.getElementById("unstable").textContent.trim()
  && document.getElementById("stable").textContent.split(" ").length >= {N_STABLE_WORDS}
"""
STILL = "new Promise((resolve) => setTimeout(resolve, 500))"
"""Until what fades has faded."""


def main() -> None:
    """Speak to the page, and take its picture in the middle of a sentence: as it is, large and dark, on a phone."""
    with tempfile.TemporaryDirectory() as folder, ServeProcess() as server:
        server.start()
        flags = (*MICROPHONE_FLAGS, f"--use-file-for-fake-audio-capture={recording(Path(folder))}%noloop")
        with browser(Path(folder), *flags) as page:
            page.resize(1120, 640)
            page.emulate(prefers_color_scheme="light")
            page.open(server.address)
            page.click("start")
            page.run("document.activeElement.blur()")
            page.when(MIDWAY)
            take(page)


def take(page: Page) -> None:
    """Take the three pictures."""
    page.picture(PICTURES / "page.png")
    page.emulate(prefers_color_scheme="dark")
    page.resize(360, 640, scale=2)
    page.picture(PICTURES / "page-phone.png")
    page.resize(1120, 640)
    page.press("l")
    page.run("document.body.classList.add('is-quiet')")
    page.run(STILL)
    page.picture(PICTURES / "page-large.png")


def recording(folder: Path) -> Path:
    """The sample as Chromium takes it."""
    path = folder / "sample.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes(read_clip(SAMPLE).astype("<i2").tobytes())
    return path


if __name__ == "__main__":
    main()
