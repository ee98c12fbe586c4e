"""Schemathesis against the admin API: requests drawn from the checked-in OpenAPI document, answers held against it.

No answer may have a status of 500 or more; status, content type, header fields and body of each are those of the document.
How many requests are drawn is bounded, and the seed is fixed: a failure comes again.

    python tests/clients/admin_api.py PATH_OF_TOLLGATE [ARGUMENTS OF `schemathesis run`]
"""

import os
import pathlib
import subprocess
import sys

from tollgate import Platform

HERE = pathlib.Path(__file__).resolve().parent
DOCUMENT = HERE.parent.parent / "controlplane/api/openapi.json"
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]
EXAMPLES = 20  # Of each operation and phase.
SEED = 6


def main(binary, more):
    with Platform(binary) as platform:
        environment = os.environ | {
            "PYTHONPATH": str(HERE),
            "SCHEMATHESIS_HOOKS": "records",
            "TOLLGATE_ADMIN": platform.admin,
            "TOLLGATE_TOKEN": platform.token,
        }
        command = [sys.executable, "-m", "schemathesis.cli", "run", DOCUMENT, "--url", platform.admin]
        command += ["--header", f"Authorization: Bearer {platform.token}", "--checks", ",".join(CHECKS)]
        command += ["--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES), "--seed", str(SEED)]
        command += ["--continue-on-failure", "--no-shrink", "--warnings", "off", "--generation-database", "none"]
        tested = subprocess.run(command + more, env=environment, cwd=platform.folder.name)
        if tested.returncode != 0:
            raise AssertionError(f"schemathesis ended with {tested.returncode}")
        events = platform.owner().ask("GET", "/tenants/acme/audit?limit=1000")["items"]
        assert len(events) == 1000, f"{len(events)} changes: nearly all that was drawn is refused, which shows little"
        if faults := [line for line in platform.said if line.startswith("tollgate: admin request")]:
            raise AssertionError("\n".join(faults))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
