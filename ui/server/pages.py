"""The page and its files: nothing that a token would have to keep."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

NO_CACHE = {"Cache-Control": "no-cache"}
"""A browser asks each time whether a file is still the same."""
_WEB = Path(__file__).parents[1] / "web"
_FOLDER = "/web"


def page_routes() -> list[BaseRoute]:
    """Return what answers for ``/`` and the folder ``/web``."""
    return [Route("/", _page), Mount(_FOLDER, _Files(directory=_WEB))]


def is_page(path: str) -> bool:
    """Whether ``path`` is one of them."""
    return path == "/" or path.startswith(f"{_FOLDER}/")


class _Files(StaticFiles):
    def file_response(self, *args: object, **more: object) -> Response:
        response = super().file_response(*args, **more)  # type: ignore[arg-type]
        response.headers.update(NO_CACHE)
        return response


async def _page(_: Request) -> Response:
    return FileResponse(_WEB / "index.html", headers=NO_CACHE)
