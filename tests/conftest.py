"""Test set-up: the CPU backend with eight simulated devices, set before JAX is imported."""

import os
import tempfile

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = ("--xla_force_host_platform_device_count=8 "
                           "--xla_cpu_use_fusion_emitters=false")  # compiles in two thirds the time
os.environ["NPROC"] = "32"  # fewer threads than devices deadlock in a collective
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")  # compiling is most of the tests' time
# Tests and the processes that they start compile the same small networks again and again.
COMPILED = tempfile.TemporaryDirectory(prefix="cmx_compiled_")
os.environ["JAX_COMPILATION_CACHE_DIR"] = COMPILED.name
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
