"""Single functions, by Google Benchmark: what frames, digests, lines and the log of a room cost."""

import json
import re
import subprocess

import case
from case import Figure

# As the benchmarks name themselves.
NAMES = ("digest_content/65536", "digest_content/1048576", "encode_frame/offer_4k", "decode_frame/offer_4k",
         "encode_frame/keep", "decode_frame/keep", "decode_frame/block_64k", "encode_block_head", "decode_request",
         "encode_message", "decode_event", "append_and_read")  # fmt: skip


class Micro(case.Case):
    name = "micro"
    about = "single functions, by Google Benchmark: frames, digests, lines, the log of a room"
    figures = (Figure("CPU time", "ns", False, lambda r: r["cpu_time"]),)
    plotted = False
    notes = "append_and_read is for 64 messages."

    def systems(self):
        return list(NAMES)

    def packages(self, system):
        return [("libbenchmark-dev", "/usr/include/benchmark/benchmark.h")]

    def targets(self, system):
        return ["micro"]

    def what(self, options):
        return "a call of each"

    def measure(self, system, options, _):
        command = [case.TOOLS / "micro", f"--benchmark_filter=^{re.escape(system)}$", "--benchmark_format=json"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout or '{"benchmarks": []}')["benchmarks"]
        if len(found) != 1 or found[0]["time_unit"] != "ns":
            raise RuntimeError("there is no such benchmark")
        return found[0]


CASES = (Micro(),)
