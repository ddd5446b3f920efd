"""Plugins in processes of their own: `codec` is the host's side of one, `worker` the program that runs in the process.

`guest` and `guest_codec` are the host's side of submitted ones, which `sandbox` starts. `wire` has the messages that go
between them, `memory` what the pixels go through, `process` starts and ends workers. `environments` has the Python that
a submitted plugin runs in, which `installer` makes; `visible` says what it may see.
"""
