"""The set-up of the tests themselves."""

import os
import signal
import subprocess
import sys
import threading


def refused(flags):
  """What jaxlib alone, in a process of its own, says of XLA's flags before it ends: "" if known."""
  code = "from jaxlib import xla_client; xla_client.make_cpu_client()"
  ended = subprocess.run([sys.executable, "-c", code], env={**os.environ, "XLA_FLAGS": flags},
                         capture_output=True, text=True, check=False)
  return ended.stderr if ended.returncode else ""


def test_the_jaxlib_at_hand_knows_every_flag_of_the_tests():
  said = refused(os.environ["XLA_FLAGS"])
  assert not said, f"add the flag in tests/conftest.py only where jaxlib knows it:\n{said}"


def test_a_flag_that_jaxlib_does_not_know_is_named():
  flag = "--xla_cpu_that_nobody_knows=true"
  assert flag in refused(f"{os.environ['XLA_FLAGS']} {flag}")


def test_a_command_in_this_process_leaves_its_signals_alone(launch):
  before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
  code, said = launch("check", "--not_a_flag")
  assert code == 1 and "not_a_flag" in said
  assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
  assert "signals" not in {thread.name for thread in threading.enumerate()}
