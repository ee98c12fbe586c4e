"""A `tollgate serve` of its own for a test: started on free ports of loopback, set up, and ended with its `with` block.

It is known by what it prints and answers only. The first tenant is `acme`, of which `ann` is the owner.
"""

import json
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request

START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 20

CONFIGURATION = """\
version: 1
status: off
access_log: off
listeners: [ { name: public, bind: 127.0.0.1:0 } ]
"""


class Admin:
    """The admin API at a URL, as whom the token is of."""

    def __init__(self, url, token=None):
        self.url, self.token = url, token

    def ask(self, method, path, body=None):
        """One request; what is answered, which has to be 2xx."""
        request = urllib.request.Request(f"{self.url}/api/v1{path}", method=method)
        if self.token is not None:
            request.add_header("Authorization", f"Bearer {self.token}")
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, data, timeout=30) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from error
        return json.loads(text) if text else None

    def apply(self, *documents):
        """Applies documents to the tenant."""
        return self.ask("POST", "/tenants/acme/apply", {"documents": list(documents)})


class Platform:
    """`listener` and `admin` are URLs; `token` is that of the owner."""

    def __init__(self, binary):
        self.binary = binary

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="tollgate-clients-")
        folder = pathlib.Path(self.folder.name)
        config = folder / "gateway.yaml"
        config.write_text(CONFIGURATION)
        command = [self.binary, "serve", "--config", config, "--data", folder / "data", "--admin", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.said, self.lines = [], queue.Queue()
        threading.Thread(target=self._collect, daemon=True).start()
        try:
            self.listener = "http://" + self._announced("listener public on ")
            self.admin = "http://" + self._announced("admin API on ")
            setup = {"token": self._announced("setup token "), "tenant": "acme", "member": "ann"}
            self.token = Admin(self.admin).ask("POST", "/setup", setup)["secret"]
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, *_):
        self.process.terminate()
        try:
            status = self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.folder.cleanup()
        if kind is not None:
            print("--- standard error of tollgate ---", *self.said, sep="\n", file=sys.stderr)
        elif status != 0 or any("panicked" in line for line in self.said):
            raise AssertionError(f"tollgate ended with {status}:\n" + "\n".join(self.said))

    def _collect(self):
        for line in self.process.stderr:
            self.said.append(line.rstrip("\n"))
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def _announced(self, prefix):
        while (line := self.lines.get(timeout=START_SECONDS_MAX)) is not None:
            if line.startswith(prefix):
                return line.removeprefix(prefix)
        raise AssertionError(f"tollgate ended before it said `{prefix}`")

    def owner(self):
        """The admin API as the owner."""
        return Admin(self.admin, self.token)
