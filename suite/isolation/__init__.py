"""Plugins in processes of their own: `codec` is the host's side of one, `worker` the program that runs in the process.

`wire` has the messages that go between them, `memory` what the pixels go through, `process` starts and ends workers.
"""
