"""A small Hugging Face Hub on the loopback interface: the endpoints that huggingface_hub calls, over real HTTP.

Repositories lie in memory. Every request is recorded, and faults can be put in: a download that breaks off, content
that differs from its hash, a server that fails.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", ".parquet", ".bin", ".npy", ".model")
Files = dict[str, bytes]


@dataclass
class Repository:
    """Commits of a repository, by hash, and the commit of each branch."""

    commits: dict[str, Files] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def commit(self, files: Files, branch: str = "main") -> str:
        """Add a commit with exactly these files."""
        content = [(name, hashlib.sha1(data).hexdigest()) for name, data in sorted(files.items())]
        digest = hashlib.sha1(repr((len(self.commits), content)).encode()).hexdigest()
        self.commits[digest] = dict(files)
        self.branches[branch] = digest
        return digest


@dataclass
class Hub:
    """State of the server.

    Attributes:
        repositories: By "models/ORG/NAME" or "datasets/ORG/NAME".
        requests: Method and path of each request, in order.
        cut_after: Number of bytes after which each download breaks off.
        corrupt: Send other bytes than the hashes are of.
        token: Required of every request, if set.
    """

    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    uploads: dict[str, bytes] = field(default_factory=dict)
    cut_after: int | None = None
    corrupt: bool = False
    token: str | None = None
    url: str = ""

    def add(self, name: str, files: Files, *, kind: str = "models", branch: str = "main") -> str:
        """Add a commit to a repository, and make it when it is new; return the commit."""
        return self.repositories.setdefault(f"{kind}/{name}", Repository()).commit(files, branch)


@contextmanager
def serving() -> Iterator[Hub]:
    """Serve a Hub at `Hub.url` until the block ends."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def is_large(path: str) -> bool:
    """True for a file that the Hub stores by its sha256."""
    return path.endswith(LARGE)


def etag(path: str, data: bytes) -> str:
    """Hash under which the Hub announces a file."""
    return hashlib.sha256(data).hexdigest() if is_large(path) else git_hash(data)


def git_hash(data: bytes) -> str:
    """Git's hash of a file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._resolve(body=False)

    def do_GET(self) -> None:
        if self.path == "/api/agent-harnesses":  # asked once a day, whatever a program does
            self._json({"standardEnvVars": [], "harnesses": {}})
            return
        path = self._recorded()
        if self._unauthorized():
            return
        if "/resolve/" in path:
            self._resolve(body=True, recorded=True)
        elif found := re.fullmatch(r"/api/(models|datasets)/(.+)/tree/([^/]+)/?(.*)", path):
            self._tree(*found.groups())
        elif found := re.fullmatch(r"/api/(models|datasets)/(.+?)(?:/revision/(.+))?", path):
            self._info(*found.groups())
        else:
            self._json({"error": "not found"}, 404)

    def do_POST(self) -> None:
        path, body = self._recorded(), self._body()
        if self._unauthorized():
            return
        if path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif found := re.fullmatch(r"/api/(models|datasets)/(.+)/preupload/([^/]+)", path):
            names = [file["path"] for file in json.loads(body)["files"]]
            modes = [{"path": name, "uploadMode": "lfs" if is_large(name) else "regular"} for name in names]
            self._json({"files": [{**mode, "shouldIgnore": False, "oid": None} for mode in modes]})
        elif path.endswith("/info/lfs/objects/batch"):
            self._batch(json.loads(body))
        elif found := re.fullmatch(r"/api/(models|datasets)/(.+)/branch/([^/]+)", path):
            self._branch(*found.groups())
        elif found := re.fullmatch(r"/api/(models|datasets)/(.+)/commit/([^/]+)", path):
            self._commit(*found.groups(), body.decode())
        else:
            self._json({"error": "not found"}, 404)

    def do_PUT(self) -> None:
        path, body = self._recorded(), self._body()
        self.hub.uploads[path.rpartition("/")[2]] = body
        self._json({})

    def _recorded(self) -> str:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        return path

    def _unauthorized(self) -> bool:
        if self.hub.token is None or self.headers.get("Authorization") == f"Bearer {self.hub.token}":
            return False
        self._json({"error": "Invalid username or password."}, 401, {"X-Error-Code": "RepoNotFound"})
        return True

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            return b"".join(iter(self._chunk, b""))
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline(), 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data

    def _repository(self, kind: str, name: str) -> Repository | None:
        found = self.hub.repositories.get(f"{kind}/{name}")
        if found is None:
            self._json({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        return found

    def _files(self, kind: str, name: str, revision: str | None) -> tuple[str, Files] | None:
        repository = self._repository(kind, name)
        if repository is None:
            return None
        commit = repository.branches.get(revision or "main", revision or "")
        if commit not in repository.commits:
            self._json({"error": "Invalid rev id"}, 404, {"X-Error-Code": "RevisionNotFound"})
            return None
        return commit, repository.commits[commit]

    def _info(self, kind: str, name: str, revision: str | None) -> None:
        found = self._files(kind, name, revision)
        if found is not None:
            commit, files = found
            self._json({"id": name, "sha": commit, "siblings": [{"rfilename": file} for file in files], "tags": []})

    def _tree(self, kind: str, name: str, revision: str, _folder: str) -> None:
        found = self._files(kind, name, revision)
        if found is not None:
            self._json([_entry(path, data) for path, data in found[1].items()])

    def _resolve(self, *, body: bool, recorded: bool = False) -> None:
        path = unquote(urlsplit(self.path).path) if recorded else self._recorded()
        if not recorded and self._unauthorized():
            return
        found = re.fullmatch(r"/(datasets/)?(.+)/resolve/([^/]+)/(.+)", path)
        if found is None:
            self._json({"error": "not found"}, 404)
            return
        files = self._files((found[1] or "models/")[:-1], found[2], found[3])
        if files is None:
            return
        if found[4] not in files[1]:
            self._json({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
            return
        self._send(found[4], files[1][found[4]], files[0], body=body)

    def _send(self, path: str, data: bytes, commit: str, *, body: bool) -> None:
        start = int((re.match(r"bytes=(\d+)-", self.headers.get("Range", "")) or [0, 0])[1])
        sent = data[start:] if not self.hub.corrupt else bytes(byte ^ 1 for byte in data[start:])
        tag = etag(path, data)
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{tag}"')
        if is_large(path):
            self.send_header("X-Linked-Etag", f'"{tag}"')
            self.send_header("X-Linked-Size", str(len(data)))
        self.send_header("X-Repo-Commit", commit)
        self.send_header("Accept-Ranges", "bytes")
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        if body:
            self.wfile.write(sent if self.hub.cut_after is None else sent[: self.hub.cut_after])
            self.close_connection = self.hub.cut_after is not None

    def _create(self, asked: dict[str, Any]) -> None:
        name = "/".join(filter(None, (asked.get("organization"), asked["name"])))
        kind = f"{asked.get('type') or 'model'}s"
        if f"{kind}/{name}" in self.hub.repositories:
            self._json({"error": "You already created this repo", "url": f"{self.hub.url}/{name}"}, 409)
            return
        self.hub.add(name, {}, kind=kind)
        self._json({"url": f"{self.hub.url}/{name}", "name": name})

    def _branch(self, kind: str, name: str, branch: str) -> None:
        found, repository = self._files(kind, name, None), self.hub.repositories.get(f"{kind}/{name}")
        if found is not None and repository is not None:
            repository.branches.setdefault(branch, found[0])
            self._json({})

    def _batch(self, asked: dict[str, Any]) -> None:
        objects = [
            {**item, "actions": {"upload": {"href": f"{self.hub.url}/upload/{item['oid']}", "header": {}}}}
            for item in asked["objects"]
        ]
        self._json({"transfer": "basic", "objects": objects}, content_type="application/vnd.git-lfs+json")

    def _commit(self, kind: str, name: str, branch: str, body: str) -> None:
        found = self._files(kind, name, branch)
        if found is None:
            return
        files = dict(found[1])
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.uploads[value["oid"]]
        commit = self.hub.add(name, files, kind=kind, branch=branch)
        self._json({"success": True, "commitOid": commit, "commitUrl": f"{self.hub.url}/{name}/commit/{commit}"})

    def _json(
        self,
        value: Any,
        status: int = 200,
        headers: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        for key, text in {"Content-Type": content_type, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _entry(path: str, data: bytes) -> dict[str, Any]:
    entry = {"type": "file", "path": path, "size": len(data), "oid": git_hash(data)}
    sha256 = hashlib.sha256(data).hexdigest()
    return {**entry, "lfs": {"oid": sha256, "size": len(data), "pointerSize": 130}} if is_large(path) else entry
