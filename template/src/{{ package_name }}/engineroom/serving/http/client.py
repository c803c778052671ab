"""Ask the running service for one prediction: `make predict`."""

import json
import sys
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from ...bundle import MANIFEST
from ...contract import UserError
from ...settings import Environment

TIMEOUT_S = 30


def predict(file: Path | None) -> None:
    """Print the record of a file, or else the first that the bundle has to show, and the answer to it.

    Raises:
        UserError: the file is no JSON, or no service answers.
    """
    environment = Environment()
    source = file or environment.bundle / MANIFEST
    try:
        content = json.loads(source.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{source} is no JSON file that can be read: {error}") from None
    record = content if file else content["golden"][0]["record"]
    url = f"http://{environment.host}:{environment.port}/predict"
    print(f"POST {url}\n{json.dumps(record, indent=2, ensure_ascii=False)}\n")
    headers = {"Content-Type": "application/json"}
    if key := environment.api_key.get_secret_value():
        headers["Authorization"] = f"Bearer {key}"
    request = Request(url, json.dumps(record).encode(), headers)
    try:
        with urlopen(request, timeout=TIMEOUT_S) as response:
            print(json.dumps(json.load(response), indent=2, ensure_ascii=False))
    except HTTPError as error:
        sys.exit(f"{error.code}: {error.read().decode()}")
    except URLError as error:
        raise UserError(f"no service answers at {url} ({error.reason}): start it with `make serve`") from None
