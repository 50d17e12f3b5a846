"""What a run stands on: devices, hosts, threads that read ahead, progress, and what made it."""
