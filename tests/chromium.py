"""A headless Chromium that is spoken to through a pipe: no port, no package, and nothing left behind."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-default-apps", "--disable-extensions", "--disable-sync", "--no-first-run", "--hide-scrollbars",
    "--disable-dev-shm-usage", "--remote-debugging-pipe",
)  # fmt: skip
Message = dict[str, Any]


class ChromiumEnded(Exception):
    """The browser went away."""


@define
class Page:
    """One tab: commands go out with numbers, and what comes between is kept as events."""

    write: int
    read: int
    session: str = ""
    events: list[Message] = field(factory=list)
    _number: int = 0
    _rest: bytes = b""

    def call(self, method: str, **parameters: Any) -> Message:
        """Send a command and return its result; what is told meanwhile joins the events."""
        self._number += 1
        message: Message = {"id": self._number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])
            self.events.append(answer)

    def _next(self) -> Message:
        while b"\0" not in self._rest:
            chunk = os.read(self.read, 1 << 16)
            if not chunk:
                raise ChromiumEnded
            self._rest += chunk
        text, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(text))

    def open(self, path: Path, width: int, height: int = 900, *, scripts: bool = True, **media: str) -> None:
        """Show a file at a width, with `media` features such as `prefers_color_scheme`; return when it is loaded."""
        self.events.clear()
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in media.items() if name != "type"]
        self.call("Emulation.setEmulatedMedia", media=media.get("type", ""), features=features)
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Page.navigate", url=path.resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def value(self, expression: str) -> Any:
        """Return what an expression is in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def picture(self, path: Path) -> None:
        """Write the whole page as it is shown as PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 16_000), "scale": 1}
        data = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"]
        path.write_bytes(base64.b64decode(data))

    def complaints(self) -> list[str]:
        """Return what the console was told and what was thrown since the page was opened."""
        told = []
        for event in self.events:
            if event.get("method") == "Log.entryAdded":
                told.append(event["params"]["entry"]["text"])
            elif event.get("method") in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
                told.append(json.dumps(event["params"])[:400])
        return told

    def requests(self) -> list[str]:
        """Return the addresses that were asked for since the page was opened."""
        sent = (event for event in self.events if event.get("method") == "Network.requestWillBeSent")
        return [event["params"]["request"]["url"] for event in sent]


@contextmanager
def chromium(folder: Path) -> Iterator[Page]:
    """Run Chromium with its own profile below `folder`; skips the test where there is none that starts."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    command_read, command_write = os.pipe()
    answer_read, answer_write = os.pipe()
    call = f'exec "$0" "$@" 3<&{command_read} 4>&{answer_write} 2>/dev/null'
    arguments = ["bash", "-c", call, program, *FLAGS, f"--user-data-dir={folder / 'browser'}", "about:blank"]
    with subprocess.Popen(arguments, pass_fds=(command_read, answer_write), stdout=subprocess.DEVNULL) as process:
        os.close(command_read)
        os.close(answer_write)
        try:
            try:
                page = _first_page(Page(command_write, answer_read))
            except (ChromiumEnded, BrokenPipeError):
                pytest.skip(f"{program} does not start on this machine")
            yield page
        finally:
            process.terminate()
            process.wait(20)
            os.close(command_write)
            os.close(answer_read)


def _first_page(page: Page) -> Page:
    target = page.call("Target.createTarget", url="about:blank")["targetId"]
    page.session = page.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ("Page", "Network", "Log", "Runtime"):
        page.call(f"{domain}.enable")
    return page
