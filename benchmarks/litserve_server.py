"""The model as a LitServe server with its batching."""

import sys
from typing import Any

import litserve
from native import scorer


class Native(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.scores = scorer()

    def decode_request(self, request: dict[str, Any]) -> dict[str, Any]:
        return request

    def batch(self, inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return inputs

    def predict(self, x: list[dict[str, Any]]) -> list[list[float]]:
        return self.scores(x)

    def unbatch(self, output: list[list[float]]) -> list[list[float]]:
        return output

    def encode_response(self, output: list[float]) -> dict[str, Any]:
        return {"scores": output}


if __name__ == "__main__":
    server = litserve.LitServer(Native(max_batch_size=64, batch_timeout=0.005), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, generate_client_file=False)
