"""Ask the running service for one prediction: `python -m <package>.serving.predict [record.json]`."""

import json
import sys
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from ..bundle import MANIFEST
from ..engineroom.contract import UserError
from ..settings import Environment

TIMEOUT_S = 30


def main() -> None:
    try:
        environment = Environment()
    except UserError as error:
        sys.exit(f"predict: {error}")
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else environment.bundle / MANIFEST
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        sys.exit(f"predict: {file} is no JSON file that can be read: {error}")
    record = content if len(sys.argv) > 1 else content["golden"][0]["record"]
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
        sys.exit(f"predict: no service answers at {url} ({error.reason}): start it with `make serve`")


if __name__ == "__main__":
    main()
